// A ticket's page: keys, the draft that is kept, and who else is here. Forms work without it.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const ticket = document.querySelector("[data-ticket]");
  if (!ticket) return;
  const composer = document.querySelector("form[data-composer]");
  const text = composer && composer.querySelector("textarea");
  const mode = (name) => composer && composer.querySelector(`[name=mode][value=${name}]`);

  // --- The draft ---------------------------------------------------------------------------------
  // Kept in this browser until it was sent, so that neither a login nor a reload loses it.
  const store = `so-draft:${ticket.dataset.user}:${ticket.dataset.ticket}`;
  const read = () => { try { return JSON.parse(localStorage.getItem(store)); } catch { return null; } };
  const keep = () => {
    try {
      if (!text.value.trim()) return localStorage.removeItem(store);
      const chosen = composer.querySelector("[name=mode]:checked");
      localStorage.setItem(store, JSON.stringify({ body: text.value, mode: chosen ? chosen.value : "note" }));
    } catch { /* a browser that keeps nothing still sends */ }
  };
  const plain = (words) => words.replace(/\r\n?/g, "\n").trim();
  const wasSent = (words) =>
    [...document.querySelectorAll("[data-mine] .so-words")].some((mine) => plain(mine.textContent) === plain(words));

  if (text) {
    const draft = read();
    if (draft && wasSent(draft.body)) localStorage.removeItem(store);
    else if (draft && !text.value) {
      text.value = draft.body;
      const chosen = mode(draft.mode);
      if (chosen) {
        chosen.checked = true;
        chosen.dispatchEvent(new Event("change"));
      }
      const told = composer.querySelector("[data-restored]");
      told.hidden = false;
      told.querySelector("[data-discard]").addEventListener("click", () => {
        text.value = "";
        told.hidden = true;
        keep();
        text.focus();
      });
    }
    text.addEventListener("input", keep);
    composer.addEventListener("change", keep);
    composer.addEventListener("submit", keep);
  }

  // --- The newest message ---------------------------------------------------------------------------
  // What was said last is what has to be answered, so a long conversation opens at its end.
  const said = document.querySelectorAll(".so-message");
  if (said.length > 4 && !location.hash && !document.querySelector("[role=alert]")) {
    const last = said[said.length - 1].getBoundingClientRect();
    const room = innerHeight - (composer ? composer.offsetHeight : 0) - 24;
    if (last.bottom > room) scrollTo({ top: scrollY + last.bottom - room, behavior: "instant" });
  }

  // An address that names a tab is no place on the page.
  if (document.querySelector(`[data-tab="${CSS.escape(location.hash.slice(1))}"]`)) {
    addEventListener("load", () => scrollTo({ top: 0, behavior: "instant" }));
  }

  // --- Who else is here ----------------------------------------------------------------------------
  const here = document.querySelector("[data-here]");
  let typedAt = 0;
  if (text) text.addEventListener("input", () => { typedAt = Date.now(); });
  const ask = async () => {
    if (document.hidden) return;
    const writing = Date.now() - typedAt < 60_000 ? "yes" : "";
    const query = new URLSearchParams({ seen_at: here.dataset.seenAt, writing });
    try {
      const answer = await fetch(`${here.dataset.here}?${query}`, { redirect: "error" });
      if (!answer.ok) return;
      const words = await answer.text();
      if (words.trim() !== here.innerHTML.trim()) here.innerHTML = words;
    } catch { /* offline, or logged out: sending will say so */ }
  };
  if (here) {
    setInterval(ask, 15_000);
    document.addEventListener("visibilitychange", ask);
  }
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-reload]")) return;
    event.preventDefault();
    location.reload();
  });

  // --- Keys ----------------------------------------------------------------------------------------
  const help = document.getElementById("keys");
  const off = "so-keys-off";
  const write = (name) => {
    const chosen = mode(name);
    if (!chosen) return;
    document.querySelector("[data-tab=conversation]").click();
    chosen.checked = true;
    chosen.dispatchEvent(new Event("change"));
    text.focus();
    text.scrollIntoView({ block: "center" });
  };
  const press = (selector) => {
    const found = document.querySelector(selector);
    if (found) found.click();
  };
  const keys = {
    r: () => write("reply"),
    n: () => write("note"),
    s: () => press("[data-use-draft]"),
    a: () => press("[data-key=a]"),
    e: () => {
      const sheet = document.querySelector("[data-escalate]");
      if (!sheet) return;
      sheet.open = true;
      sheet.querySelector("select").focus();
    },
    w: () => press("[data-tab=why]"),
    j: () => press("[data-key=j]"),
    k: () => press("[data-key=k]"),
    u: () => press("[data-key=u]"),
    "?": () => help && help.showModal(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const field = event.target.closest("input:not([type=radio], [type=checkbox]), select, textarea, [contenteditable]");
    if (event.key === "Escape") {
      if (field) field.blur();
      return;
    }
    if (field || (help && help.open) || (localStorage.getItem(off) && event.key !== "?")) return;
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  if (help) {
    const button = document.querySelector("[data-keys-help]");
    button.addEventListener("click", keys["?"]);
    const choice = help.querySelector("[data-keys-on]");
    choice.checked = !localStorage.getItem(off);
    choice.addEventListener("change", () => {
      if (choice.checked) localStorage.removeItem(off);
      else localStorage.setItem(off, "yes");
    });
  }
});
