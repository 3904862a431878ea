// The parts of the page that one changes between: search, map, kept sounds, libraries. The address says which.

import { t } from "./i18n.js";

const SEARCH = "search";

export class Views extends EventTarget {
  current = SEARCH;

  constructor(nav) {
    super();
    this.links = new Map([...nav.querySelectorAll("a")].map((link) => [link.dataset.view, link]));
    nav.addEventListener("click", (event) => {
      const link = event.target.closest("a");
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.dispatchEvent(new CustomEvent("chosen", { detail: link.dataset.view }));
    });
  }

  known(name) { return this.links.has(name) ? name : SEARCH; }

  show(name) {
    this.current = this.known(name);
    for (const [view, link] of this.links) {
      document.getElementById(`view-${view}`).hidden = view !== this.current;
      if (view === this.current) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    document.title = this.current === SEARCH ? "Sonoglot" : `${t(`nav.${this.current}`)} – Sonoglot`;
  }

  // A view of which the server has nothing.
  has(name) { return !this.links.get(name).hidden; }
  hide(name) { this.links.get(name).hidden = true; }
  focus() { document.querySelector(`#view-${this.current} h1`)?.focus(); }
}
