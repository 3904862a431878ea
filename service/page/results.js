// The list of clips: rows that play, seek, and can be driven from the keyboard.

import { waveform } from "./api.js";
import { splitPath, time } from "./format.js";
import { draw } from "./waveform.js";

const NUDGE_S = 1;

class Row {
  peaks = null;

  constructor(hit, bestScore, template) {
    this.hit = hit;
    this.source = { url: hit.audio_url, standIn: `${hit.audio_url}.wav`, startS: hit.start_s };
    this.element = template.content.firstElementChild.cloneNode(true);
    this.element.row = this;
    this.find = (selector) => this.element.querySelector(selector);
    this.name = splitPath(hit.path).name;
    this.#fill(bestScore);
  }

  #fill(bestScore) {
    const { hit } = this;
    this.element.dataset.clipId = hit.clip_id;
    this.find(".name").textContent = this.name;
    this.find(".name").title = this.name;
    const title = this.find(".title");
    title.hidden = !hit.title;
    title.textContent = hit.title ?? "";
    title.title = [hit.title, hit.description, hit.tags.join(", ")].filter(Boolean).join("\n");
    this.find(".in-library").textContent = hit.library;
    this.find(".folder").textContent = `\u2066${splitPath(hit.path).folder}\u2069`; // isolated, as its box runs backwards
    this.find(".folder").title = hit.path;
    this.find(".range").textContent = this.range();
    this.find(".range").title = "The part that matches best";
    this.find(".duration").textContent = `of ${time(hit.duration_s)}`;
    this.find(".figure").textContent = hit.score.toFixed(2);
    this.find(".score").title = `Cosine similarity ${hit.score.toFixed(4)}; the bar is relative to the best match`;
    this.find(".bar").style.setProperty("--share", bestScore > 0 ? Math.max(0, hit.score / bestScore) : 0);
    this.find(".like").setAttribute("aria-label", `More like ${this.name}`);
    this.find(".copy").setAttribute("aria-label", `Copy the path of ${this.name}`);
    const download = this.find(".download");
    download.href = hit.audio_url;
    download.download = this.name;
    download.setAttribute("aria-label", `Download ${this.name}`);
    this.element.setAttribute("aria-label", `${hit.rank}: ${this.name}, library ${hit.library}, ${this.range()}`);
    const wave = this.find(".wave");
    wave.setAttribute("aria-label", `Position in ${this.name}`);
    wave.setAttribute("aria-valuemax", hit.duration_s.toFixed(1));
    this.show({ current: false, playing: false, timeS: null });
  }

  range() { return `${time(this.hit.start_s)} – ${time(this.hit.end_s)}`; }

  show({ current, playing, timeS }) {
    this.element.classList.toggle("current", current);
    this.find(".play use").setAttribute("href", playing ? "#i-pause" : "#i-play");
    this.find(".play").setAttribute("aria-label", `${playing ? "Pause" : "Play"} ${this.name}`);
    this.find(".range").textContent = current ? time(timeS) : this.range();
    this.progress(timeS);
  }

  progress(timeS) {
    const { hit } = this;
    if (timeS !== null) this.find(".range").textContent = time(timeS);
    this.find(".wave").setAttribute("aria-valuenow", (timeS ?? hit.start_s).toFixed(1));
    this.find(".wave").setAttribute("aria-valuetext", time(timeS ?? hit.start_s));
    const view = { peaks: this.peaks, durationS: hit.duration_s, startS: hit.start_s, endS: hit.end_s, timeS };
    draw(this.find("canvas"), view);
  }

  complain(message) {
    const complaint = document.createElement("p");
    complaint.className = "complaint";
    complaint.setAttribute("role", "alert");
    complaint.textContent = message;
    this.find(".complaint")?.remove();
    this.element.append(complaint);
  }
}

export class Results {
  #rows = [];
  #abort = new AbortController();
  #seen = new IntersectionObserver((entries) => entries.filter((e) => e.isIntersecting).forEach((e) => this.#load(e.target)));
  #sized = new ResizeObserver(() => this.redraw());

  constructor(list, { player, template, onLike }) {
    this.list = list;
    this.player = player;
    this.template = template;
    this.onLike = onLike;
    list.addEventListener("click", (event) => this.#clicked(event));
    list.addEventListener("pointermove", (event) => this.#dragged(event));
    list.addEventListener("keydown", (event) => this.#pressed(event));
    player.addEventListener("change", () => this.redraw());
    player.addEventListener("time", () => this.#rowOf(player.source)?.progress(player.timeS));
    player.addEventListener("failed", ({ detail }) => this.#explain(this.#rowOf(detail.source)));
    this.#sized.observe(list);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
  }

  get count() { return this.#rows.length; }

  replace(hits) {
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#seen.disconnect();
    this.player.stop();
    this.list.replaceChildren();
    this.#rows = [];
    this.append(hits);
  }

  append(hits) {
    const best = this.#rows[0]?.hit.score ?? hits[0]?.score;
    const rows = hits.map((hit) => new Row(hit, best, this.template));
    this.list.append(...rows.map((row) => row.element));
    this.#rows.push(...rows);
    rows.forEach((row) => this.#seen.observe(row.element));
    if (this.#rows.length) this.#rows[0].element.tabIndex = 0;
    this.redraw();
  }

  focusFirst() { this.#focus(this.#rows[0]); }

  redraw() {
    for (const row of this.#rows) {
      const current = this.player.source === row.source;
      row.show({ current, playing: this.player.isPlaying(row.source), timeS: current ? this.player.timeS : null });
    }
  }

  #rowOf(source) { return this.#rows.find((row) => row.source === source); }

  #focus(row) {
    if (!row) return;
    this.#rows.forEach((other) => { other.element.tabIndex = other === row ? 0 : -1; });
    row.element.focus();
  }

  async #load(element) {
    this.#seen.unobserve(element);
    const row = element.row;
    try {
      row.peaks = (await waveform(row.hit.clip_id, this.#abort.signal)).peaks;
    } catch {
      return; // the flat line stays; playing the clip says what is wrong with it
    }
    row.progress(this.player.source === row.source ? this.player.timeS : null);
  }

  #clicked(event) {
    const row = event.target.closest(".hit")?.row;
    if (!row) return;
    if (event.target.closest(".play")) this.player.toggle(row.source);
    else if (event.target.closest(".wave")) this.#seek(row, event.clientX);
    else if (event.target.closest(".like")) this.onLike(row.hit, row.name);
    else if (event.target.closest(".copy")) this.#copy(row);
    else if (!event.target.closest("a")) this.#focus(row);
  }

  #dragged(event) {
    const wave = event.buttons === 1 && event.target.closest(".wave");
    if (wave && this.player.source === wave.closest(".hit").row.source) this.#seek(wave.closest(".hit").row, event.clientX);
  }

  #seek(row, clientX) {
    const box = row.find(".wave").getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (clientX - box.left) / box.width));
    this.player.playFrom(row.source, share * row.hit.duration_s);
  }

  async #copy(row) {
    const icon = row.find(".copy use");
    try {
      await navigator.clipboard.writeText(row.hit.path);
    } catch {
      return row.complain(`The browser does not allow copying here. The path is ${row.hit.path}`);
    }
    icon.setAttribute("href", "#i-check");
    setTimeout(() => icon.setAttribute("href", "#i-copy"), 1200);
  }

  async #explain(row) {
    if (!row) return;
    const response = await fetch(`${row.hit.audio_url}.wav`, { headers: { Range: "bytes=0-0" } }).catch(() => null);
    if (response && !response.ok) row.complain((await response.json().catch(() => ({}))).detail ?? "The file cannot be read.");
    else if (response) row.complain("This browser cannot play this kind of file. Download it to listen.");
    else row.complain("The server does not answer.");
  }

  #pressed(event) {
    const row = event.target.closest(".hit")?.row;
    if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " " && event.target.closest("button, a")) return; // the focused control's own
    const at = this.#rows.indexOf(row);
    const actions = {
      ArrowDown: () => this.#focus(this.#rows[at + 1]),
      ArrowUp: () => (at > 0 ? this.#focus(this.#rows[at - 1]) : document.getElementById("text").focus()),
      Home: () => this.#focus(this.#rows[0]),
      End: () => this.#focus(this.#rows.at(-1)),
      " ": () => this.player.toggle(row.source),
      ArrowLeft: () => this.player.source === row.source && this.player.nudge(-NUDGE_S),
      ArrowRight: () => this.player.source === row.source && this.player.nudge(NUDGE_S),
      m: () => this.onLike(row.hit, row.name),
      c: () => this.#copy(row),
      d: () => row.find(".download").click(),
    };
    const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }
}
