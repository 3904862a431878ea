// Asks the service and shows what comes back: the list, its next pages, and what is to be said about it.

import { search } from "./api.js";
import { rememberSearch } from "./history.js";
import { number, t, tn } from "./i18n.js";
import * as notice from "./notice.js";
import { toRequest } from "./question.js";

export class Searching {
  question = null; // what was asked last; null if nothing, or if it failed
  #running = null; // AbortController of the search under way
  #next = null; // cursor of the page after those shown

  // at: {list, status, notice, more, model}; results: of class Results.
  constructor(at, results) {
    Object.assign(this, { at, results });
    at.more.addEventListener("click", () => this.more());
  }

  async ask(question) {
    this.question = question;
    this.#next = null;
    this.at.more.hidden = true;
    this.at.list.classList.add("stale");
    await this.#run((signal) => search(toRequest(question), signal), (answer) => {
      this.results.replace(answer.hits);
      if (!answer.hits.length) notice.showNothing(this.at.notice, { isFiltered: isFiltered(question) });
      else if (answer.good_match === false) notice.showNoMatch(this.at.notice);
      else notice.hide(this.at.notice);
      rememberSearch(question);
    });
  }

  async more() {
    const before = this.results.count;
    await this.#run((signal) => search({ cursor: this.#next }, signal), (answer) => {
      this.results.append(answer.hits);
      this.results.focus(before);
      if (notice.isProblem(this.at.notice)) notice.hide(this.at.notice); // of an earlier try
    }, { keep: true });
  }

  stop() {
    this.#running?.abort();
    this.question = null;
    this.results.replace([]);
    this.at.list.classList.remove("stale");
    this.at.more.hidden = true;
    this.say("");
  }

  say(text, { busy = false } = {}) {
    this.at.status.textContent = text;
    this.at.status.classList.toggle("busy", busy);
  }

  // keep: what was found before stays. Otherwise nothing counts as asked, so that it can be asked again.
  fail(error, { keep = false } = {}) {
    this.#running?.abort();
    this.at.list.classList.remove("stale");
    this.say("");
    if (!keep) {
      this.question = null;
      this.results.replace([]);
      this.at.more.hidden = true;
    }
    notice.showProblem(this.at.notice, error);
  }

  async #run(asked, show, { keep = false } = {}) {
    this.#running?.abort();
    const running = new AbortController();
    this.#running = running;
    this.say(t("search.busy"), { busy: true });
    try {
      const answer = await asked(running.signal);
      if (running.signal.aborted) return;
      show(answer);
      this.at.list.classList.remove("stale");
      this.#next = answer.next ?? null;
      this.at.more.hidden = !this.#next;
      this.at.model.textContent = answer.model;
      this.say(`${tn("search.found", this.results.count)} · ${t("search.took", { ms: number(Math.round(answer.took_ms)) })}`);
    } catch (error) {
      if (!running.signal.aborted) this.fail(error, { keep });
    }
  }
}

const isFiltered = ({ filters }) => Boolean(
  filters.tags.length || filters.licence || filters.category || filters.minS !== undefined || filters.maxS !== undefined,
);
