// Blind review with two keys: one for the intent, then y or n. Without scripts it is a plain form.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("[data-answer]");
  if (!form) return;
  const choices = [...form.querySelectorAll("[data-key]")];
  const second = form.querySelector("[data-second]");
  const submit = form.querySelector("[data-submit]");
  const chosen = () => choices.find((choice) => choice.checked);
  const needsSecond = () => chosen() && !("ends" in chosen().dataset);

  const show = () => {
    second.hidden = !needsSecond();
    submit.disabled = !chosen();
  };
  form.addEventListener("change", show);
  show();

  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input[type=text], input:not([type]), textarea, select");
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") {
      form.reset();
      show();
      return;
    }
    if (needsSecond() && (event.key === "y" || event.key === "n")) {
      event.preventDefault();
      const value = event.key === "y" ? "yes" : "no";
      form.querySelector(`[name=machine_could][value=${value}]`).checked = true;
      form.requestSubmit(submit);
      return;
    }
    const hit = choices.find((choice) => choice.dataset.key === event.key);
    if (!hit) return;
    event.preventDefault();
    hit.checked = true;
    hit.focus();
    show();
    if ("ends" in hit.dataset) form.requestSubmit(submit);
  });
});
