// The form that a question is asked with: words, words to stay away from, an example and filters, as one question.

import { Example } from "./example.js";
import { Filters } from "./filters.js";
import { t } from "./i18n.js";
import { isEmpty } from "./question.js";
import { Tokens } from "./tokens.js";

const PLACEHOLDERS = [
  "footsteps on gravel", "雷鳴と雨", "صوت أمواج البحر", "скрип двери", "una multitud aplaude", "बच्चे की हँसी",
  "ein Zug fährt vorbei", "የዝናብ ድምፅ", "เสียงแมวร้อง", "hatua za miguu",
];
const PLACEHOLDER_MS = 4000;

export class Asking {
  #example = null;

  // onAsk(question): a person asked. onClear(): took away all there was to ask.
  constructor(form, { player, onAsk, onClear }) {
    this.text = form.querySelector("#text");
    this.withoutBox = form.querySelector("#without");
    this.onAsk = onAsk;
    this.onClear = onClear;
    const changed = () => this.#changed();
    this.without = new Tokens(this.withoutBox, { onChange: changed });
    this.filters = new Filters({
      panel: form.querySelector("#filters"), toggle: form.querySelector("#filters-open"),
      library: document.getElementById("library"), onChange: changed,
    });
    this.example = new Example(form.querySelector("#example"), { player, onClear: () => { this.#setExample(null); changed(); } });
    form.addEventListener("submit", (event) => { event.preventDefault(); changed(); });
    const open = form.querySelector("#without-open");
    open.addEventListener("click", () => {
      this.#openWithout(this.withoutBox.hidden);
      if (!this.withoutBox.hidden) this.without.input.focus();
    });
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) this.#cyclePlaceholder();
  }

  get question() {
    return { text: this.text.value.trim(), without: this.without.values, example: this.#example, filters: this.filters.value };
  }

  set question({ text, without, example, filters }) {
    this.text.value = text;
    this.without.values = without;
    if (without.length) this.#openWithout(true);
    this.filters.value = filters;
    this.#setExample(example);
  }

  // An example asks anew; words may be added to it. Filters and what to stay away from remain.
  askWith(example) {
    this.text.value = "";
    this.#setExample(example);
    this.#changed();
  }

  askFor(text) {
    this.text.value = text;
    this.#setExample(null);
    this.#changed();
  }

  #setExample(example) {
    this.#example = example;
    this.example.show(example);
    this.text.placeholder = t(example ? "search.refine" : "search.label");
  }

  #openWithout(isOpen) {
    this.withoutBox.hidden = !isOpen;
    document.getElementById("without-open").setAttribute("aria-expanded", isOpen);
  }

  #changed() {
    this.filters.changed();
    const { question } = this;
    if (isEmpty(question)) this.onClear();
    else this.onAsk(question);
  }

  #cyclePlaceholder() {
    let at = -1;
    setInterval(() => {
      if (this.text.value || this.#example) return;
      at = (at + 1) % PLACEHOLDERS.length;
      this.text.placeholder = PLACEHOLDERS[at];
    }, PLACEHOLDER_MS);
  }
}
