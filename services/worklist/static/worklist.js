// The pages work without this. With it they are live, have keys, and keep still under the pointer.
// The server renders everything; what is new is fetched as HTML and morphed into the page.
"use strict";
const $ = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const SOON = 600;        // at most one refresh in so many milliseconds; fewer where the server is slow
const AT_LEAST = 60;     // seconds: words such as "35 min left" grow old without any event

// --- live -----------------------------------------------------------------------------------------------
let source = null, last = 0, took = 0, timer = null, forced = false;

function refresh(now = false) {
  const live = $("#live");
  if (!live || document.hidden) return;
  const wait = now ? 0 : Math.max(0, last + Math.max(SOON, 4 * took) - Date.now());
  clearTimeout(timer);
  timer = setTimeout(() => { last = Date.now(); htmx.trigger(live, "fresh"); }, wait);
}

function connect() {
  const where = $("[data-events]")?.dataset.events;
  if (!where || document.hidden || source) return;
  source = new EventSource(where);
  source.onopen = () => { document.body.classList.remove("cut"); refresh(); };
  source.onerror = () => {
    document.body.classList.add("cut");
    if (source?.readyState === EventSource.CLOSED) { source = null; setTimeout(connect, 3000); }
  };
  source.addEventListener("reload", () => refresh());
  source.addEventListener("change", (event) => { if (concerns(JSON.parse(event.data))) refresh(); });
}

// What changed is told by opaque ids, teams and units; a page looks again where its own is among them.
function concerns(change) {
  const { patient, team, unit } = $("[data-events]").dataset;
  if (change.many) return true;
  if (patient) return change.patients.includes(patient);
  return !(team && change.teams.length && !change.teams.includes(team)) && !(unit && change.units.length && !change.units.includes(unit));
}

// A browser opens six connections to one server: a tab that nobody looks at gives its own back.
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) { connect(); refresh(); } else if (source) { source.close(); source = null; }
});

// --- nothing jumps ----------------------------------------------------------------------------------------
// While the pointer is on the list, or the keyboard in it, rows change where they are; what came, went or moved
// waits for a press of a button, or until the pointer leaves.
const busy = () => Boolean($("#items:hover, #items:focus-within, .filters form:focus-within"));
const ids = (list) => (list ? all(":scope > li", list).map((row) => row.id) : []);
// What somebody has opened stays open, and what they have begun to type is theirs.
Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) => !(name === "open" && node.nodeName === "DETAILS");
Idiomorph.defaults.callbacks.beforeNodeMorphed = (node) => !node.matches?.("form[data-typed]");

document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target.id !== "live") return;
  if (event.detail.xhr.status !== 200) { event.detail.shouldSwap = false; return; }
  const had = $("#items"), came = new DOMParser().parseFromString(event.detail.serverResponse, "text/html");
  const items = $("#items", came), one = ids(had), two = ids(items);
  const same = one.length === two.length && one.every((id, at) => id === two[at]);
  const hold = !forced && had?.nodeName === "OL" && busy();
  forced = false;
  if (same && !$(".filters form:focus-within")) return news(0);
  if (!hold) return news(0);
  event.detail.shouldSwap = false;
  for (const row of all(":scope > li", had)) {
    const now = came.getElementById(row.id);
    if (now) { Idiomorph.morph(row, now, { morphStyle: "outerHTML" }); } else { row.classList.add("gone"); }
  }
  htmx.process(had);
  for (const part of [".views", "#as-of"]) {
    if ($(part, came)) Idiomorph.morph($(part), $(part, came), { morphStyle: "outerHTML" });
  }
  news(two.filter((id) => !one.includes(id)).length, one.filter((id) => !two.includes(id)).length, !same);
});

function news(more, fewer = 0, moved = false) {
  $("#news")?.remove();
  if (!moved) return;
  const words = [more && `${more} new`, fewer && `${fewer} done`].filter(Boolean).join(", ") || "new order";
  const bar = document.createElement("div");
  bar.id = "news";
  bar.className = "news";
  const button = document.createElement("button");
  button.className = "primary";
  button.textContent = `${words}: show`;
  button.onclick = show;
  bar.append(button);
  $("#live").before(bar);
  say(`The list has changed: ${words}.`);
}

function show() { forced = true; refresh(true); }
document.addEventListener("mouseout", (event) => {
  if ($("#news") && event.target.closest?.("#items") && !event.relatedTarget?.closest?.("#items, #news")) {
    setTimeout(() => { if ($("#news") && !busy()) refresh(true); }, 400);
  }
});

// --- what a press did ---------------------------------------------------------------------------------------
function say(words) { $("#spoken").textContent = words; }
document.addEventListener("said", (event) => {
  say(event.detail.words);
  if (event.detail.tone !== "bad") return;
  warn(event.detail.words);
  setTimeout(() => $("#warned")?.remove(), 15000);
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.requestConfig.verb !== "post") return;
  if (event.detail.xhr.status === 401 || event.detail.xhr.status === 403) location.reload();
  refresh(true);
});
document.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.verb === "get") event.detail.headers["baton-background"] = "true";
});
document.addEventListener("htmx:afterOnLoad", (event) => { if (event.detail.target.id === "live") took = Date.now() - last; });
document.addEventListener("htmx:sendError", () => document.body.classList.add("cut"));

// --- forms --------------------------------------------------------------------------------------------------
function open(name, from) {
  const form = document.getElementById(name);
  if (!form) return false;
  form.open = true;
  const kind = from?.dataset.kind, field = kind && form.querySelector("[name=kind]");
  if (field) field.value = kind;
  form.scrollIntoView({ block: "nearest" });
  $("input:not([type=hidden]), select, textarea", form)?.focus({ preventScroll: true });
  return true;
}
document.addEventListener("input", (event) => { event.target.form?.setAttribute("data-typed", ""); });
const begun = () => $("#live form[data-typed]:not(.filters form), .acts form[data-typed]");
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.closest(".acts") && !form.dataset.sure && Date.now() - sure > 20000) {
    event.preventDefault();
    makeSure(form, event.submitter);
    return;
  }
  form.removeAttribute("data-typed");
  const button = event.submitter;
  if (form.closest(".acts") && button) setTimeout(() => { button.disabled = true; });
});

// A form leaves the page only when somebody is there to take it: a session that has ended, or a server that is away,
// must not cost what was typed. Who signs in again, in another tab, presses again here.
let sure = Date.now(), told = Date.now(), ended = false;
async function makeSure(form, button) {
  try {
    const here = await fetch("/here", { redirect: "manual" });
    if (here.status !== 204) { signedOut(); return; }
    if (ended) {
      const page = new DOMParser().parseFromString(await (await fetch(location.pathname)).text(), "text/html");
      const token = $("[name=csrf_token]", page)?.value;
      for (const field of all("[name=csrf_token]")) field.value = token ?? field.value;
      ended = false;
    }
  } catch {
    warn("The server cannot be reached. What you typed is still here: press again in a moment.");
    return;
  }
  sure = Date.now();
  form.dataset.sure = "1";
  form.requestSubmit(button);
  delete form.dataset.sure;
}
function signedOut() {
  ended = true;
  const link = document.createElement("a");
  Object.assign(link, { href: "/sign-in", target: "_blank", textContent: "Sign in in another tab" });
  warn("You have been signed out. What you typed is still here. ", link, ", then press again.");
}
function warn(...words) {
  $("#warned")?.remove();
  const box = document.createElement("p");
  Object.assign(box, { id: "warned", className: "said bad-said", tabIndex: -1 });
  box.setAttribute("role", "alert");
  box.append(...words);
  (begun()?.closest("details")?.querySelector("form") ?? $("#main")).prepend(box);
  box.focus();
}
// Somebody who types is at work, though the page asks for nothing: once in four minutes it says so.
for (const name of ["input", "pointerdown", "keydown"]) {
  document.addEventListener(name, () => {
    if (Date.now() - told < 240000 || !$("#help")) return;
    told = Date.now();
    fetch("/here", { redirect: "manual" }).catch(() => {});
  });
}
document.addEventListener("htmx:beforeOnLoad", (event) => {
  if (event.detail.xhr.status === 401 && begun()) { event.preventDefault(); if (!ended) signedOut(); }
});

window.addEventListener("beforeunload", (event) => { if (begun()) event.preventDefault(); });
window.addEventListener("pageshow", () => all(".acts button[disabled]").forEach((each) => { each.disabled = false; }));

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-opens]");
  if (opener && open(opener.dataset.opens, opener)) event.preventDefault();
  const dialog = event.target.closest("dialog");
  if (dialog && event.target === dialog) dialog.close();
});

// --- keys ---------------------------------------------------------------------------------------------------
const WITHOUT = "baton-no-keys";
function step(by) {
  const rows = all("#items > li");
  if (!rows.length) return;
  const at = rows.indexOf(document.activeElement.closest?.("#items > li"));
  const row = rows[Math.min(rows.length - 1, Math.max(0, at < 0 ? 0 : at + by))];
  $(".name", row).focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}
const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  t: () => (document.activeElement.closest?.("#items > li")?.querySelector("[data-take]") ?? $(".held [data-take]"))?.click(),
  r: () => ($("#news") ? show() : refresh(true)),
  c: () => open("call"),
  u: () => { if (location.pathname !== "/") location.href = sessionStorage.getItem("baton-list") ?? "/"; },
  "/": () => { $("#q")?.focus(); $("#q")?.select(); },
  "?": () => $("#keys")?.showModal(),
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target.matches("input:not([type=checkbox], [type=radio]), textarea, select")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if ($("dialog[open]") || localStorage.getItem(WITHOUT) || !Object.hasOwn(KEYS, event.key)) return;
  event.preventDefault();
  KEYS[event.key]();
});

// --- start --------------------------------------------------------------------------------------------------
document.addEventListener("DOMContentLoaded", () => {
  for (const id of ["help", "theme"]) $(`#${id}`)?.removeAttribute("hidden");
  $("#help")?.addEventListener("click", KEYS["?"]);
  const box = $("#keys-on");
  if (box) {
    box.checked = !localStorage.getItem(WITHOUT);
    box.onchange = () => (box.checked ? localStorage.removeItem(WITHOUT) : localStorage.setItem(WITHOUT, "1"));
  }
  $("#theme")?.addEventListener("click", () => {
    const dark = getComputedStyle(document.documentElement).colorScheme === "dark"
      || (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
    const theme = dark ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    document.cookie = `theme=${theme}; path=/; max-age=31536000; samesite=lax`;
  });
  if (location.pathname === "/") sessionStorage.setItem("baton-list", location.href);
  const failed = $(".acts details[open] [aria-invalid], .said[role=alert]");
  if (failed) { failed.setAttribute("tabindex", "-1"); failed.focus(); }
  connect();
  setInterval(() => refresh(), 1000 * ($("[data-every]")?.dataset.every ?? AT_LEAST));
});
