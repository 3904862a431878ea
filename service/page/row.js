// One clip in a list: what it is called, its waveform with what matched, how sure that is, and what can be done with it.

import { showConfidence } from "./confidence.js";
import { el, setIcon } from "./dom.js";
import { favourites } from "./favourites.js";
import { nameOf, range, splitPath, time } from "./format.js";
import { t } from "./i18n.js";
import { draw } from "./waveform.js";

const CONTROLS = "button, a, .wave";
const WHOLE = 0.98; // a match of more than this share of the clip is the clip, and is not marked

export class Row {
  peaks = null;
  region = null; // {startS, endS}: a part that a person chose

  constructor(hit, template) {
    this.hit = hit;
    this.source = { url: hit.audio_url, standIn: `${hit.audio_url}.wav`, startS: hit.start_s };
    this.name = nameOf(hit);
    this.matches = (hit.matches ?? [hit]).map(({ start_s: startS, end_s: endS }) => ({ startS, endS }));
    this.element = template.content.firstElementChild.cloneNode(true);
    this.element.row = this;
    this.find = (selector) => this.element.querySelector(selector);
    this.#fill();
  }

  #fill() {
    const { hit, name } = this;
    const { name: file, folder } = splitPath(hit.path);
    this.element.dataset.clipId = hit.clip_id;
    this.find(".name").textContent = name;
    this.find(".name").title = [name, hit.description, hit.tags.join(", ")].filter(Boolean).join("\n");
    this.find(".file").textContent = file;
    this.find(".file").hidden = !hit.title;
    this.find(".in-library").textContent = hit.library;
    this.find(".folder").textContent = `\u2066${folder}\u2069`; // isolated, as its box runs backwards
    this.find(".folder").title = hit.path;
    this.find(".times").replaceChildren(...this.matches.map((match) => this.#matchButton(match)));
    this.find(".duration").textContent = t("row.of", { duration: time(hit.duration_s) });
    showConfidence(this.find(".score"), hit);
    const labels = { like: "row.like", star: "row.star", link: "row.link", copy: "row.copy", download: "row.download" };
    for (const [action, key] of Object.entries(labels)) this.find(`.${action}`).setAttribute("aria-label", t(key, { name }));
    this.find(".download").href = hit.audio_url;
    this.find(".download").download = file;
    this.element.setAttribute("aria-label", t("row.label", { name, library: hit.library, range: range(this.matches[0]) }));
    const wave = this.find(".wave");
    wave.setAttribute("aria-label", t("row.position", { name }));
    wave.setAttribute("aria-valuemax", hit.duration_s.toFixed(1));
    this.setReachable(false);
    this.show({ current: false, playing: false, timeS: null });
  }

  #matchButton(match) {
    const label = t("row.match", { range: range(match) });
    return el("button", { type: "button", className: "match", textContent: range(match), title: label, aria: { label }, data: { startS: match.startS } });
  }

  // Only the row that was last used has stops for Tab within it, so that a long list is one stop.
  setReachable(reachable) {
    this.element.tabIndex = reachable ? 0 : -1;
    for (const control of this.element.querySelectorAll(CONTROLS)) control.tabIndex = reachable ? 0 : -1;
  }

  show({ current, playing, timeS }) {
    const isStarred = favourites.has(this.hit.clip_id);
    this.element.classList.toggle("current", current);
    if (playing) this.find(".complaint")?.remove(); // of an earlier try
    setIcon(this.find(".play"), playing ? "pause" : "play");
    this.find(".play").setAttribute("aria-label", t(playing ? "row.pause" : "row.play", { name: this.name }));
    this.find(".star").setAttribute("aria-pressed", isStarred);
    setIcon(this.find(".star"), isStarred ? "starred" : "star");
    this.progress(timeS);
  }

  progress(timeS) {
    const { hit, peaks, region } = this;
    const shownS = timeS ?? hit.start_s;
    this.find(".wave").setAttribute("aria-valuenow", shownS.toFixed(1));
    this.find(".wave").setAttribute("aria-valuetext", time(shownS));
    this.find(".now").textContent = timeS === null ? "" : time(timeS);
    const matches = this.matches.filter(({ startS, endS }) => endS - startS < hit.duration_s * WHOLE);
    draw(this.find("canvas"), { peaks, durationS: hit.duration_s, matches, region, timeS });
  }

  setRegion(region) {
    this.region = region;
    this.find(".region").hidden = !region;
    if (region) this.find(".region-range").textContent = range(region);
  }

  complain(message) {
    this.find(".complaint")?.remove();
    const complaint = el("p", { className: "complaint", textContent: message });
    complaint.setAttribute("role", "alert");
    this.element.append(complaint);
  }
}
