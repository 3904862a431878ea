// A list of clips: rows that play, seek, give a part of themselves to search by, and can be driven from the keyboard.

import { waveform } from "./api.js";
import { setIcon } from "./dom.js";
import { favourites, toggleFavourite } from "./favourites.js";
import { t } from "./i18n.js";
import { Regions } from "./regions.js";
import { Row } from "./row.js";

const NUDGE_S = 1;
const COPIED_MS = 1200;

export class Results {
  #rows = [];
  #abort = new AbortController();
  #seen = new IntersectionObserver((entries) => entries.filter((e) => e.isIntersecting).forEach((e) => this.#load(e.target)));
  #sized = new ResizeObserver(() => this.redraw());

  // onLike(row, region | null): search by this clip, or by a part of it. onLeave(): up from the first row.
  constructor(list, { player, template, onLike, onLeave }) {
    Object.assign(this, { list, player, template, onLike, onLeave });
    this.regions = new Regions(list, {
      onSeek: (row, timeS) => player.playFrom(row.source, timeS),
      onChange: (row) => this.#show(row),
    });
    list.addEventListener("click", (event) => this.#clicked(event));
    list.addEventListener("keydown", (event) => this.#pressed(event));
    list.addEventListener("focusin", (event) => this.#reach(event.target.closest(".hit")?.row));
    player.addEventListener("change", () => this.redraw());
    player.addEventListener("time", () => this.#rowOf(player.source)?.progress(player.timeS));
    player.addEventListener("failed", ({ detail }) => this.#explain(this.#rowOf(detail.source)));
    favourites.addEventListener("change", () => this.redraw());
    this.#sized.observe(list);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
  }

  get count() { return this.#rows.length; }

  replace(hits) {
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#seen.disconnect();
    if (this.#rowOf(this.player.source)) this.player.stop();
    this.regions.clear();
    this.list.replaceChildren();
    this.#rows = [];
    this.append(hits);
  }

  append(hits) {
    const rows = hits.map((hit) => new Row(hit, this.template));
    this.list.append(...rows.map((row) => row.element));
    if (!this.#rows.length) rows[0]?.setReachable(true);
    this.#rows.push(...rows);
    rows.forEach((row) => this.#seen.observe(row.element));
    this.redraw();
  }

  focus(at) { this.#rows.at(at)?.element.focus(); }
  redraw() { this.#rows.forEach((row) => this.#show(row)); }

  #show(row) {
    const current = this.player.source === row.source;
    row.show({ current, playing: this.player.isPlaying(row.source), timeS: current ? this.player.timeS : null });
  }

  #rowOf(source) { return source && this.#rows.find((row) => row.source === source); }
  #reach(row) { if (row) this.#rows.forEach((other) => other.setReachable(other === row)); }
  #positionS(row) { return this.player.source === row.source ? this.player.timeS : row.hit.start_s; }

  async #load(element) {
    this.#seen.unobserve(element);
    const { row } = element;
    try {
      row.peaks = (await waveform(row.hit.clip_id, this.#abort.signal)).peaks;
    } catch {
      return; // the flat line stays; playing the clip says what is wrong with it
    }
    this.#show(row);
  }

  #clicked(event) {
    const row = event.target.closest(".hit")?.row;
    if (!row) return;
    const hit = (selector) => event.target.closest(selector);
    if (hit(".play")) this.player.toggle(row.source);
    else if (hit(".match")) this.player.playFrom(row.source, Number(hit(".match").dataset.startS));
    else if (hit(".region-search")) this.onLike(row, row.region);
    else if (hit(".region-play")) this.player.playFrom(row.source, row.region.startS, row.region.endS);
    else if (hit(".region-clear")) this.regions.clear(row);
    else if (hit(".like")) this.onLike(row, null);
    else if (hit(".star")) toggleFavourite(row.hit);
    else if (hit(".link")) this.#copy(row, "link", linkTo(row));
    else if (hit(".copy")) this.#copy(row, "copy", row.hit.path);
    else if (!hit("a, .wave")) row.element.focus();
  }

  async #copy(row, what, text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      return row.complain(t("copy.refused", { text }));
    }
    setIcon(row.find(`.${what}`), "check");
    setTimeout(() => setIcon(row.find(`.${what}`), what), COPIED_MS);
  }

  async #explain(row) {
    if (!row) return;
    const response = await fetch(`${row.hit.audio_url}.wav`, { headers: { Range: "bytes=0-0" } }).catch(() => null);
    if (response && !response.ok) row.complain((await response.json().catch(() => ({}))).detail ?? t("play.unreadable"));
    else row.complain(t(response ? "play.unplayable" : "error.unreachable"));
  }

  #pressed(event) {
    const row = event.target.closest(".hit")?.row;
    if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
    if ([" ", "Enter"].includes(event.key) && event.target.closest("button, a")) return; // the focused control's own
    const action = (event.shiftKey ? this.#shifted(row) : this.#keys(row))[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  #shifted(row) {
    return {
      ArrowLeft: () => this.regions.stretch(row, this.#positionS(row), -1),
      ArrowRight: () => this.regions.stretch(row, this.#positionS(row), 1),
    };
  }

  #keys(row) {
    const at = this.#rows.indexOf(row);
    const nudge = (seconds) => this.player.playFrom(row.source, this.#positionS(row) + seconds);
    return {
      ArrowDown: () => this.#rows[at + 1]?.element.focus(),
      ArrowUp: () => (at > 0 ? this.#rows[at - 1].element.focus() : this.onLeave()),
      Home: () => this.focus(0),
      End: () => this.focus(-1),
      " ": () => this.player.toggle(row.source),
      ArrowLeft: () => nudge(-NUDGE_S),
      ArrowRight: () => nudge(NUDGE_S),
      i: () => this.regions.setIn(row, this.#positionS(row)),
      o: () => this.regions.setOut(row, this.player.source === row.source ? this.player.timeS : row.hit.end_s),
      Enter: () => this.onLike(row, row.region),
      m: () => this.onLike(row, null),
      n: () => this.#next(row),
      f: () => toggleFavourite(row.hit),
      l: () => this.#copy(row, "link", linkTo(row)),
      c: () => this.#copy(row, "copy", row.hit.path),
      d: () => row.find(".download").click(),
    };
  }

  // From the match that is nearest before the position to the next one in time.
  #next(row) {
    const starts = row.matches.map(({ startS }) => startS).sort((a, b) => a - b);
    const positionS = this.#positionS(row);
    this.player.playFrom(row.source, starts.find((startS) => startS > positionS + 0.05) ?? starts[0]);
  }
}

// A media fragment: what opens it plays the part that matched.
function linkTo(row) {
  const { startS, endS } = row.region ?? row.matches[0];
  return `${new URL(row.hit.audio_url, document.baseURI)}#t=${startS},${endS}`;
}
