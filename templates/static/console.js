// What the console's own pages do beyond plain forms. Everything here only makes forms quicker.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // Tabs. The address names the open one, so that a reload and a link find it again.
  const tabs = all("[data-tab]");
  const open = (name) => {
    if (!tabs.some((tab) => tab.dataset.tab === name)) return;
    for (const tab of tabs) {
      const chosen = tab.dataset.tab === name;
      tab.setAttribute("aria-selected", String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
      document.getElementById(tab.dataset.tab).hidden = !chosen;
    }
  };
  const show = (name) => {
    open(name);
    history.replaceState(null, "", name === "conversation" ? location.pathname + location.search : `#${name}`);
  };
  tabs.forEach((tab, position) => {
    tab.addEventListener("click", () => show(tab.dataset.tab));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = tabs[(position + step + tabs.length) % tabs.length];
      next.focus();
      show(next.dataset.tab);
    });
  });
  if (tabs.length) open(location.hash.slice(1) || "conversation");
  all("[data-open]").forEach((link) => {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      show(link.dataset.open);
      document.querySelector("[data-tabs]").scrollIntoView({ block: "start" });
    });
  });

  // Long messages are folded; find-in-page and copying still see every word.
  const fold = (words) => {
    if (words.scrollHeight < 640 || words.dataset.fold) return;
    words.dataset.fold = "done";
    const button = document.createElement("button");
    button.type = "button";
    button.className = "so-text-button";
    const say = () => {
      const folded = words.classList.contains("so-folded");
      button.textContent = folded ? `Show all ${words.textContent.length.toLocaleString()} characters` : "Show less";
      button.setAttribute("aria-expanded", String(!folded));
    };
    words.classList.add("so-folded");
    button.addEventListener("click", () => {
      words.classList.toggle("so-folded");
      say();
    });
    say();
    words.after(button);
  };
  all("[data-fold]").forEach(fold);
  document.addEventListener("htmx:load", (event) => {
    all("[data-fold]", event.target.parentNode || document).forEach(fold);
  });

  // A choice in a small form is the whole form.
  all("form[data-auto]").forEach((form) => {
    all("button", form).forEach((button) => { button.hidden = true; });
    all("select", form).forEach((select) => select.addEventListener("change", () => form.requestSubmit()));
  });
  all("form[data-filters]").forEach((form) => {
    all("[data-apply]", form).forEach((button) => { button.hidden = true; });
    form.addEventListener("submit", () => {
      // Only what was asked for stands in the address.
      all("select, input", form).forEach((field) => { if (!field.value) field.disabled = true; });
    });
    all("select", form).forEach((select) => select.addEventListener("change", () => form.requestSubmit()));
  });

  // The composer: one text, two kinds.
  all("form[data-composer]").forEach((form) => {
    const text = form.querySelector("textarea");
    const sync = () => {
      const mode = form.querySelector("[name=mode]:checked");
      text.placeholder = mode && mode.value === "note" ? text.dataset.noteWords : text.dataset.replyWords;
    };
    all("[name=mode]", form).forEach((mode) => mode.addEventListener("change", sync));
    sync();
    text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      const mode = form.querySelector("[name=mode]:checked").value;
      form.requestSubmit(form.querySelector(`button.so-for-${mode}`));
    });
    const alert = form.querySelector("[role=alert]");
    if (alert) alert.scrollIntoView({ block: "center" });
    // The button comes again with each template that is looked at.
    document.addEventListener("click", (event) => {
      if (!event.target.closest("[data-use-draft]")) return;
      const draft = document.getElementById("draft").textContent;
      text.value = text.value.trim() ? `${text.value.trimEnd()}\n\n${draft}` : draft;
      const reply = form.querySelector("[name=mode][value=reply]");
      if (reply) reply.checked = true;
      sync();
      if (tabs.length) show("conversation");
      text.dispatchEvent(new Event("input"));
      text.focus();
      const gap = text.value.match(/\[[^\]]*\]/);
      if (gap) text.setSelectionRange(gap.index, gap.index + gap[0].length);
      text.scrollIntoView({ block: "center" });
    });
  });

  // A second click sends nothing twice.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
  window.addEventListener("pageshow", () => all("form[data-sent]").forEach((form) => delete form.dataset.sent));

  // Only one menu at a time; a click elsewhere and Escape close it.
  const menus = all("details.so-drop");
  document.addEventListener("click", (event) => {
    menus.forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") menus.forEach((menu) => { menu.open = false; });
  });

  all("[data-copy]").forEach((button) => {
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
      button.textContent = "Copied";
    });
  });

  // Conditions of a rule: only what fits the fact is offered. Rows that are added later work too.
  const fit = (row) => {
    const offered = JSON.parse(row.closest("[data-conditions]").dataset.conditions);
    const fact = offered[row.querySelector("[data-fact]").value];
    const operator = row.querySelector("[data-operator]");
    const value = row.querySelector("[data-value]");
    row.toggleAttribute("data-empty", !fact);
    for (const option of operator.options) option.hidden = option.disabled = !!fact && !fact.operators.includes(option.value);
    if (fact && !fact.operators.includes(operator.value)) operator.value = fact.operators[0];
    value.inputMode = { count: "numeric", share: "decimal" }[fact?.kind] ?? "text";
    document.getElementById(value.getAttribute("list"))?.replaceChildren(
      ...(fact?.values ?? []).map((name) => Object.assign(document.createElement("option"), { value: name })),
    );
  };
  all(".so-condition").forEach(fit);
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-fact]")) fit(event.target.closest(".so-condition"));
  });
});
