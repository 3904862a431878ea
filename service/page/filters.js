// Which clips may come back: library, tags, licence, category and length, with the values that there are.

import { facets } from "./api.js";
import { el } from "./dom.js";
import { number, t } from "./i18n.js";
import { Tokens } from "./tokens.js";

export class Filters {
  #libraries = [];
  #isStale = true; // the values are those of another library
  #wanted = 0; // of several requests for values, the last one counts

  constructor({ panel, toggle, library, onChange }) {
    Object.assign(this, { panel, toggle, library });
    this.find = (name) => panel.querySelector(`[name=${name}]`);
    this.tags = new Tokens(panel.querySelector(".tokens"), { onChange });
    panel.addEventListener("change", (event) => { if (!event.target.closest(".tokens")) onChange(); });
    library.addEventListener("change", () => { this.#outdate(); onChange(); });
    toggle.addEventListener("click", () => this.open(panel.hidden));
    panel.querySelector(".clear").addEventListener("click", () => {
      this.value = { tags: [], library: library.value };
      onChange();
      toggle.focus();
    });
  }

  open(isOpen) {
    this.panel.hidden = !isOpen;
    this.toggle.setAttribute("aria-expanded", isOpen);
    if (isOpen && this.#isStale) this.#loadValues();
  }

  get value() {
    const seconds = (name) => (this.find(name).validity.valid && this.find(name).value !== "" ? this.find(name).valueAsNumber : undefined);
    return {
      library: this.library.value || undefined,
      tags: this.tags.values,
      licence: this.find("licence").value || undefined,
      category: this.find("category").value || undefined,
      minS: seconds("min"),
      maxS: seconds("max"),
    };
  }

  set value({ library, tags, licence, category, minS, maxS }) {
    if (this.library.value !== (library ?? "")) {
      select(this.library, library);
      this.#outdate();
    }
    this.tags.values = tags;
    select(this.find("licence"), licence);
    select(this.find("category"), category);
    this.find("min").value = minS ?? "";
    this.find("max").value = maxS ?? "";
    this.#count();
  }

  changed() { this.#count(); }

  #count() {
    const { tags, licence, category, minS, maxS } = this.value;
    const n = tags.length + [licence, category, minS, maxS].filter((value) => value !== undefined).length;
    this.toggle.querySelector(".badge").textContent = n ? number(n) : "";
    this.toggle.classList.toggle("active", n > 0);
  }

  // found: libraries as the API lists them.
  setLibraries(found) {
    this.#libraries = found.map(({ name }) => name);
    const chosen = this.library.value;
    const options = found.map(({ name, clips }) => new Option(`${name} (${number(clips)})`, name));
    this.library.replaceChildren(new Option(t("library.all"), ""), ...options);
    select(this.library, this.#libraries.includes(chosen) ? chosen : "");
    this.#outdate();
  }

  #outdate() {
    this.#isStale = true;
    if (!this.panel.hidden) this.#loadValues();
  }

  async #loadValues() {
    this.#isStale = false;
    this.#wanted += 1;
    const wanted = this.#wanted;
    const of = this.library.value ? [this.library.value] : this.#libraries;
    const answers = await Promise.allSettled(of.map(facets)); // without them tags can still be typed
    if (wanted !== this.#wanted) return;
    const found = answers.filter(({ status }) => status === "fulfilled").map(({ value }) => value);
    fill(this.find("licence"), found.flatMap(({ licences }) => licences));
    fill(this.find("category"), found.flatMap(({ categories }) => categories));
    const tags = [...sum(found.flatMap((one) => one.tags)).keys()];
    this.panel.querySelector("datalist").replaceChildren(...tags.map((value) => el("option", { value })));
  }
}

// A value of an address may be none that is listed; it counts all the same.
function select(field, value = "") {
  if (value && ![...field.options].some((option) => option.value === value)) field.append(new Option(value, value));
  field.value = value;
  field.closest("label").hidden = field.name !== "library" && field.options.length < 2;
}

function sum(counts) {
  const clips = new Map();
  for (const { value, clips: more } of counts) clips.set(value, (clips.get(value) ?? 0) + more);
  return new Map([...clips].sort((a, b) => b[1] - a[1]));
}

function fill(field, counts) {
  const chosen = field.value;
  const options = [...sum(counts)].map(([value, clips]) => new Option(`${value} (${number(clips)})`, value));
  field.replaceChildren(new Option(t("filters.any"), ""), ...options);
  select(field, chosen);
}
