// Sends each message of a file over one connection with HAPI HL7v2, and prints MSA-1 and MSA-2 of each answer.

import ca.uhn.hl7v2.DefaultHapiContext;
import ca.uhn.hl7v2.HapiContext;
import ca.uhn.hl7v2.app.Connection;
import ca.uhn.hl7v2.model.Message;
import ca.uhn.hl7v2.util.Hl7InputStreamMessageStringIterator;
import ca.uhn.hl7v2.util.Terser;
import java.io.FileInputStream;
import java.util.Iterator;

public class Send {
    public static void main(String[] given) throws Exception {
        try (HapiContext context = new DefaultHapiContext(); FileInputStream file = new FileInputStream(given[1])) {
            Connection line = context.newClient("127.0.0.1", Integer.parseInt(given[0]), false);
            Iterator<String> messages = new Hl7InputStreamMessageStringIterator(file);
            while (messages.hasNext()) {
                Message message = context.getPipeParser().parse(messages.next());
                Terser answer = new Terser(line.getInitiator().sendAndReceive(message));
                System.out.println(answer.get("/MSA-1") + " " + answer.get("/MSA-2"));
            }
            line.close();
        }
        System.exit(0);
    }
}
