// What makes the console quicker. Every page works without it.
"use strict";

// <a data-dialog="id"> opens <dialog id="id">, which asks in place what the link's page would ask.
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  const dialog = opener && document.getElementById(opener.dataset.dialog);
  if (dialog && dialog.showModal && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    dialog.showModal();
  }
  const closer = event.target.closest("[data-close]");
  const open = closer && closer.closest("dialog");
  if (open) {
    event.preventDefault();
    open.close();
  }
  if (event.target.closest("[data-print]")) window.print();
  const copier = event.target.closest("[data-copy]");
  if (copier && navigator.clipboard) copy(copier);
});

// <button data-copy="text" data-done="Copied">
function copy(button) {
  const words = button.textContent;
  navigator.clipboard.writeText(button.dataset.copy).then(() => {
    button.textContent = button.dataset.done || "Copied";
    setTimeout(() => { button.textContent = words; }, 2000);
  });
}

// One press is enough: the button says so with its data-busy words. Only after the form was taken off to be sent, because
// a disabled button would not be sent with it.
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (event.defaultPrevented || !button || !button.dataset.busy) return;
  setTimeout(() => {
    button.dataset.words = button.textContent;
    button.disabled = true;
    button.textContent = button.dataset.busy;
  });
});

// Back from the next page: a page kept as it was left would show a button that can never be pressed again.
window.addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("button[data-words]")) {
    button.disabled = false;
    button.textContent = button.dataset.words;
    delete button.dataset.words;
  }
});

// Without script there is nothing to print or copy with, so those buttons wait hidden.
for (const button of document.querySelectorAll("[data-print][hidden]")) button.hidden = false;
if (navigator.clipboard) for (const button of document.querySelectorAll("[data-copy][hidden]")) button.hidden = false;
