// Favourites and recent searches, as this browser keeps them; they can be taken along as a file, or cleared.

import { el, iconButton } from "./dom.js";
import { favourites } from "./favourites.js";
import { searches } from "./history.js";
import { language, t } from "./i18n.js";

export class Saved {
  #isShown = false;

  // results: of class Results, for favourites. onOpen(address): a search is to be asked again.
  constructor(view, { results, onOpen }) {
    Object.assign(this, { view, results, onOpen });
    this.list = view.querySelector("#history");
    const listen = (kept, clear, ask) => {
      kept.addEventListener("change", () => this.#isShown && this.show());
      view.querySelector(clear).addEventListener("click", () => { if (confirm(t(ask))) kept.clear(); });
    };
    listen(favourites, "#clear-favourites", "saved.clear.favourites");
    listen(searches, "#clear-history", "saved.clear.history");
    view.querySelector("#export").addEventListener("click", () => download());
    this.list.addEventListener("click", (event) => {
      const link = event.target.closest("a");
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      onOpen(link.getAttribute("href"));
    });
  }

  show() {
    this.#isShown = true;
    const hits = favourites.items;
    const shown = [...this.results.list.children].map((element) => element.dataset.clipId);
    if (hits.map((hit) => hit.clip_id).join() !== shown.join()) this.results.replace(hits);
    this.view.querySelector("#no-favourites").hidden = hits.length > 0;
    const { items } = searches;
    this.list.replaceChildren(...items.map(entry));
    this.view.querySelector("#no-history").hidden = items.length > 0;
    this.view.querySelector("#clear-favourites").hidden = !hits.length;
    this.view.querySelector("#clear-history").hidden = !items.length;
    this.view.querySelector("#export").hidden = !hits.length && !items.length;
  }
}

function entry({ address, label, at }) {
  const when = new Date(at).toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
  return el("li", {},
    el("a", { href: address }, el("bdi", { textContent: label })),
    el("time", { dateTime: at, textContent: when }),
    iconButton("close", t("saved.forget", { name: label }), () => searches.remove(address)));
}

function download() {
  const kept = { favourites: favourites.items, searches: searches.items };
  const url = URL.createObjectURL(new Blob([JSON.stringify(kept, null, 2)], { type: "application/json" }));
  el("a", { href: url, download: "sonoglot.json" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000); // the download has begun by then
}
