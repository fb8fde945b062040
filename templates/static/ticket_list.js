// The ticket list by keyboard, and the bar for many tickets. Without this the forms work as they are.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const table = document.querySelector("[data-rows]");
  const search = document.querySelector("[data-search]");
  const rows = table ? all("tbody tr", table) : [];
  const boxes = table ? all("[name=ticket]", table) : [];
  const bulk = document.querySelector("[data-bulk]");
  const help = document.querySelector("[data-keys]");

  // Choosing.
  const everything = document.querySelector("[data-all]");
  const chosen = () => boxes.filter((box) => box.checked);
  const sync = () => {
    const number = chosen().length;
    boxes.forEach((box) => box.closest("tr").classList.toggle("so-chosen", box.checked));
    if (!bulk) return;
    bulk.classList.toggle("so-idle", !number);
    everything.checked = number === boxes.length;
    everything.indeterminate = number > 0 && number < boxes.length;
    bulk.querySelector("[data-chosen]").textContent = number ? `${number} chosen` : "All on this page";
    all("select, button[type=submit]", bulk).forEach((field) => { field.disabled = !number; });
  };
  if (everything) {
    everything.addEventListener("change", () => {
      boxes.forEach((box) => { box.checked = everything.checked; });
      sync();
    });
  }
  boxes.forEach((box) => box.addEventListener("change", sync));
  sync();
  window.addEventListener("pageshow", sync); // the browser may have kept what was checked

  const send = (what) => {
    if (!chosen().length) return;
    bulk.querySelector("select").value = what;
    table.closest("form").requestSubmit(bulk.querySelector("button[type=submit]"));
  };

  // Moving. The row in hand is the one whose link has the focus.
  let at = -1;
  const link = (row) => row.querySelector(".field-opening a");
  rows.forEach((row, number) => row.addEventListener("focusin", () => {
    rows.forEach((other) => other.classList.toggle("so-at", other === row));
    at = number;
  }));
  const go = (step) => {
    if (!rows.length) return;
    const next = Math.min(Math.max(at + step, 0), rows.length - 1);
    link(rows[next]).focus();
    rows[next].scrollIntoView({ block: "nearest" });
  };

  const showHelp = () => help && help.showModal();
  if (help) {
    all("[data-help]").forEach((button) => {
      button.hidden = false;
      button.addEventListener("click", showHelp);
    });
    help.querySelector("[data-close]").addEventListener("click", () => help.close());
  }

  const KEYS = {
    "/": () => { search.focus(); search.select(); },
    j: () => go(1),
    k: () => go(-1),
    x: () => {
      if (at < 0 || !boxes[at]) return;
      boxes[at].checked = !boxes[at].checked;
      sync();
    },
    a: () => {
      if (!bulk) return;
      if (!chosen().length && boxes[at]) {
        boxes[at].checked = true;
        sync();
      }
      send("assign:me");
    },
    "?": showHelp,
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (help && help.open) return;
    if (localStorage.getItem("so-keys-off")) return; // as chosen in the keys of a ticket's page
    const target = event.target;
    const typing = target.matches("input:not([type=checkbox]), select, textarea, [contenteditable]");
    if (typing && event.key === "Escape" && target === search) search.blur();
    if (typing || !Object.hasOwn(KEYS, event.key)) return;
    event.preventDefault();
    KEYS[event.key]();
  });
});
