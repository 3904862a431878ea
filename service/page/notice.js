// What the page says when there are no rows, or none that fits: where to start, no match, or what went wrong.

import { openSession, Problem } from "./api.js";
import { el } from "./dom.js";
import { t } from "./i18n.js";

const TRIES = ["a dog barking", "雨の音", "باب يُغلق", "mvua ya radi", "гул толпы", "घड़ी की टिक-टिक"];

function fill(box, { title, text, kind = "" }) {
  box.className = `notice ${kind}`;
  box.hidden = false;
  box.replaceChildren();
  // What the service says is English, whatever the page speaks.
  if (title) box.append(el("h2", { textContent: title, dir: "auto" }));
  if (text) box.append(el("p", { textContent: text, dir: "auto" }));
}

export function hide(box) { box.hidden = true; }
export const isProblem = (box) => !box.hidden && box.classList.contains("error");

export function showStart(box, onTry) {
  fill(box, { text: t("start.text"), kind: "bare" });
  const tries = el("div", { className: "tries" });
  for (const text of TRIES) {
    const button = el("button", { type: "button", textContent: text, dir: "auto" });
    button.addEventListener("click", () => onTry(text));
    tries.append(button);
  }
  box.append(tries);
}

// onAdd(): sounds are to be uploaded; null where they cannot be.
export function showNoLibrary(box, onAdd) {
  fill(box, { title: t("start.none"), text: t("start.none.hint") });
  box.append(el("div", { className: "command" }, el("code", { textContent: "sonoglot index ~/Sounds --library sounds", dir: "ltr" })));
  if (!onAdd) return;
  const add = el("button", { type: "button", className: "go add", textContent: t("upload.title") });
  add.addEventListener("click", () => onAdd());
  box.append(el("div", {}, add));
}

export function showNothing(box, { isFiltered }) {
  fill(box, { title: t("nothing.title"), text: t(isFiltered ? "nothing.filtered" : "nothing.empty") });
}

export function showNoMatch(box) {
  fill(box, { title: t("nomatch.title"), text: t("nomatch.text"), kind: "quiet" });
}

export function showText(box, title, text) { fill(box, { title, text }); }

function askForKey(box, problem) {
  fill(box, { title: problem.title, text: problem.detail, kind: "error" });
  const field = el("input", { type: "password", name: "key", required: true, autocomplete: "current-password" });
  const form = el("form", { className: "key" },
    el("label", {}, `${t("key.label")} `, field), el("button", { className: "go", textContent: t("key.open") }));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await openSession(field.value);
      location.reload();
    } catch (error) {
      askForKey(box, error);
    }
  });
  box.append(form);
  field.focus();
}

export function showProblem(box, error) {
  if (error instanceof Problem && error.status === 401) return askForKey(box, error);
  const problem = error instanceof Problem ? error : new Problem({ title: t("error.page"), detail: String(error) });
  fill(box, { title: problem.title, text: problem.detail, kind: "error" });
}
