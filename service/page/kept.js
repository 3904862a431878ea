// A list that the browser keeps between visits: newest first, each item once, no longer than it should be.

import { read, write } from "./storage.js";

export class Kept extends EventTarget {
  constructor(key, { idOf, most }) {
    super();
    Object.assign(this, { key, idOf, most });
    addEventListener("storage", (event) => { if (event.key === key) this.#changed(); }); // of another window
  }

  get items() {
    try {
      const items = JSON.parse(read(this.key) ?? "[]");
      return Array.isArray(items) ? items : [];
    } catch {
      return []; // not ours, or cut off
    }
  }

  has(id) { return this.items.some((item) => this.idOf(item) === id); }
  add(item) { this.#keep([item, ...this.items.filter((other) => this.idOf(other) !== this.idOf(item))]); }
  remove(id) { this.#keep(this.items.filter((item) => this.idOf(item) !== id)); }
  clear() { this.#keep([]); }

  #keep(items) {
    write(this.key, JSON.stringify(items.slice(0, this.most)));
    this.#changed();
  }

  #changed() { this.dispatchEvent(new Event("change")); }
}
