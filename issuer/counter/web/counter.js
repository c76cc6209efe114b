// Asks every second whether the page is out of date, counts the idle time down, and marks a form that is being worked on.
// The page works without it: it refreshes itself where it waits.
"use strict";
(() => {
  const body = document.body;
  let revision = Number(body.dataset.revision);
  let busy = false;

  for (const form of document.querySelectorAll("form[data-busy]")) {
    form.addEventListener("submit", () => {
      busy = true;
      for (const button of document.querySelectorAll("main button")) button.disabled = true;
      for (const note of form.querySelectorAll(".busy")) note.classList.remove("hidden");
    });
  }
  // What was typed does not come back with the page.
  window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  window.addEventListener("pagehide", () => { for (const input of document.querySelectorAll("input:not([type=hidden])")) input.value = ""; });

  const left = document.getElementById("left");
  const warning = document.getElementById("warning");
  const show = (seconds) => {
    if (!left) return;
    const rest = String(seconds % 60).padStart(2, "0");
    left.textContent = Math.floor(seconds / 60) + ":" + rest;
    const soon = seconds <= 60;
    left.closest("form").classList.toggle("soon", soon);
    if (soon && !warning.textContent) warning.textContent = "まもなく自動で消去します。 This will be erased soon.";
  };

  // While somebody types, what is new at the same step is put above the form and the form is left alone.
  const typed = () => [...document.querySelectorAll("main input:not([type=hidden]):not([type=checkbox])")].some((input) => input.value);
  const noticed = async () => {
    const answer = await fetch("/", { cache: "no-store", credentials: "same-origin" });
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (next.body.dataset.step !== body.dataset.step) return false;
    for (const old of document.querySelectorAll("main > .notice")) old.remove();
    document.getElementById("main").prepend(...next.querySelectorAll("main > .notice"));
    revision = Number(next.body.dataset.revision);
    return true;
  };

  const ask = async () => {
    if (busy) return;
    try {
      const answer = await fetch("/state", { cache: "no-store", credentials: "same-origin" });
      const state = await answer.json();
      if (busy) return;
      if (state.revision !== revision && !(typed() && await noticed())) {
        if (!busy) { busy = true; location.replace("/"); }
        return;
      }
      show(state.left);
    } catch { /* the counter was stopped; the next answer tells */ }
  };
  if (revision >= 0) { show(Number(body.dataset.left)); setInterval(ask, 1000); }
})();
