// What the page says when there are no rows: where to start, nothing found, or what went wrong.

import { openSession, Problem } from "./api.js";

const TRIES = ["a dog barking", "雨の音", "باب يُغلق", "mvua ya radi", "гул толпы", "घड़ी की टिक-टिक"];

function fill(box, { title, text, kind = "" }) {
  box.replaceChildren();
  box.className = `notice ${kind}`;
  box.hidden = false;
  if (title) box.append(Object.assign(document.createElement("h2"), { textContent: title }));
  if (text) box.append(Object.assign(document.createElement("p"), { textContent: text }));
}

export function hide(box) { box.hidden = true; }

export function showStart(box, onTry) {
  fill(box, { text: "Ask in any language, with a picture, or with another sound.", kind: "bare" });
  const tries = Object.assign(document.createElement("div"), { className: "tries" });
  for (const text of TRIES) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: text, dir: "auto" });
    button.addEventListener("click", () => onTry(text));
    tries.append(button);
  }
  box.append(tries);
}

export function showNoLibrary(box) {
  fill(box, { title: "There is no library yet", text: "Index a folder of sounds; it appears here as soon as it is done." });
  const command = Object.assign(document.createElement("div"), { className: "command" });
  const code = Object.assign(document.createElement("code"), { textContent: "sonoglot index ~/Sounds --library sounds" });
  command.append(code);
  box.append(command);
}

export function showNothingFound(box) {
  fill(box, { title: "Nothing to show", text: "This library has no sounds that can be searched. Choose another one, or index more." });
}

function askForKey(box, problem) {
  fill(box, { title: problem.title, text: problem.detail, kind: "error" });
  const form = Object.assign(document.createElement("form"), { className: "key" });
  const label = Object.assign(document.createElement("label"), { textContent: "Key " });
  const field = Object.assign(document.createElement("input"), { type: "password", name: "key", required: true, autocomplete: "current-password" });
  label.append(field);
  form.append(label, Object.assign(document.createElement("button"), { className: "go", textContent: "Open" }));
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
  const problem = error instanceof Problem ? error : new Problem({ title: "Something went wrong in the page", detail: String(error) });
  fill(box, { title: problem.title, text: problem.detail, kind: "error" });
}
