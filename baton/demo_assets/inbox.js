// What is new is fetched whole, as the server has escaped it; opened mails stay open by their place in time.
const place = document.getElementById("received");
async function refresh() {
  const open = [...place.querySelectorAll("details[open]")].map((each) => each.textContent);
  const answer = await fetch("/received");
  if (!answer.ok) return;
  place.innerHTML = await answer.text();
  for (const each of place.querySelectorAll("details")) each.open = open.includes(each.textContent);
}
new EventSource("/events").onmessage = () => refresh().catch(() => {});
