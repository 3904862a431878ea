// A field for several short texts: each becomes a token that can be taken away again.

import { el, icon } from "./dom.js";
import { t } from "./i18n.js";

export class Tokens {
  #values = [];

  // box: an element with an input in it. onChange: called when a person changed the values.
  constructor(box, { onChange }) {
    this.box = box;
    this.input = box.querySelector("input");
    this.onChange = onChange;
    this.input.addEventListener("keydown", (event) => this.#pressed(event));
    this.input.addEventListener("change", () => this.#take());
  }

  get values() { return [...this.#values]; }
  set values(values) {
    this.#values = [...new Set(values.map((value) => value.trim()).filter(Boolean))];
    this.box.querySelectorAll(".token").forEach((token) => token.remove());
    for (const value of this.#values) this.input.before(this.#token(value));
  }

  #token(value) {
    const remove = el("button", { type: "button", className: "token", aria: { label: t("tokens.remove", { name: value }) } });
    remove.append(el("bdi", { textContent: value }), icon("close"));
    remove.addEventListener("click", () => {
      this.#change(this.#values.filter((other) => other !== value));
      this.input.focus();
    });
    return remove;
  }

  #pressed(event) {
    if (event.key === "Backspace" && !this.input.value && this.#values.length) this.#change(this.#values.slice(0, -1));
    else if ((event.key === "Enter" || event.key === ",") && this.input.value.trim()) {
      event.preventDefault();
      this.#take();
    }
  }

  #take() {
    const added = this.input.value.split(/[,،、，]/);
    this.input.value = "";
    if (added.some((value) => value.trim())) this.#change([...this.#values, ...added]);
  }

  #change(values) {
    this.values = values;
    this.onChange();
  }
}
