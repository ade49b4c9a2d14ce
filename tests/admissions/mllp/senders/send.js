// Sends each message of a file over one connection with simple-hl7, and prints MSA-1 and MSA-2 of each answer.

const fs = require("fs");
const hl7 = require("simple-hl7");

const [port, file] = process.argv.slice(2);
const messages = fs.readFileSync(file, "utf8").split(/(?=^MSH)/m);
const client = hl7.Server.createTcpClient({ host: "127.0.0.1", port: Number(port), keepalive: true });

function next() {
  const text = messages.shift();
  if (text === undefined) process.exit(0);
  client.send(new hl7.Parser().parse(text), (error, answer) => {
    if (error) throw error;
    const msa = answer.getSegment("MSA");
    console.log(`${msa.getField(1)} ${msa.getField(2)}`);
    setImmediate(next);
  });
}

next();
