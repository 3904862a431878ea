// A library as a map: what sounds alike lies together. Pointer, wheel, fingers and keys wander in it.

import { audioUrl, map } from "./api.js";
import { el, setIcon } from "./dom.js";
import { t, tn } from "./i18n.js";
import { Camera2d, drawMap, neighbour } from "./map_canvas.js";
import * as notice from "./notice.js";

const HUES = 8; // --hue-1 ... in the style sheet
const DRAG_PX = 4;
const PAN_PX = 60;
const ZOOM = 1.3;
const DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class SoundMap {
  #points = [];
  #hues = new Map(); // category -> number of its colour
  #hovered = null;
  #selected = null;
  #pointers = new Map(); // those that are down, where
  #moved = 0;
  #wanted = null; // library that is shown, or on its way
  #abort = new AbortController();

  // onLike(point): search by this clip. onAbsent(): the server has no maps.
  constructor(view, { player, onLike, onAbsent }) {
    Object.assign(this, { view, player, onLike, onAbsent });
    this.canvas = view.querySelector("canvas");
    this.camera = new Camera2d(this.canvas);
    this.tip = view.querySelector(".tip");
    this.card = view.querySelector(".card");
    this.#listen();
    this.card.querySelector(".play").addEventListener("click", () => this.#play(this.#selected));
    this.card.querySelector(".like").addEventListener("click", () => onLike(this.#selected));
    const zoom = (selector, change) => view.querySelector(selector).addEventListener("click", () => { change(); this.#draw(); });
    zoom(".zoom-in", () => this.camera.zoomAt(ZOOM));
    zoom(".zoom-out", () => this.camera.zoomAt(1 / ZOOM));
    zoom(".zoom-all", () => this.camera.reset());
    new ResizeObserver(() => this.#draw()).observe(this.canvas);
    player.addEventListener("change", () => this.#draw());
    player.addEventListener("failed", ({ detail }) => this.#explain(this.#pointOf(detail.source)));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
  }

  // library: undefined if there is none.
  async show(library) {
    if (library && this.#wanted === library) return this.#draw();
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#wanted = library;
    const { signal } = this.#abort;
    const box = this.view.querySelector(".notice");
    if (!library) {
      this.#say("");
      this.#take([]);
      return notice.showNoLibrary(box, null);
    }
    this.#say(t("map.busy"), { busy: true });
    try {
      const { points } = await map(library, signal);
      if (signal.aborted) return;
      this.#take(points);
      this.#say(`${library} · ${tn("search.found", points.length)}`);
      if (points.length) notice.hide(box);
      else notice.showText(box, t("map.empty"), t("map.empty.hint"));
    } catch (error) {
      if (signal.aborted) return;
      this.#wanted = null;
      this.#say("");
      this.#take([]);
      notice.showProblem(box, error);
      if (error.isAbsent && !error.is("unknown-library")) this.onAbsent();
    }
  }

  #say(text, { busy = false } = {}) {
    const status = this.view.querySelector(".status");
    status.textContent = text;
    status.classList.toggle("busy", busy);
  }

  forget() { this.#wanted = null; } // the library changed

  #take(points) {
    if (this.#pointOf(this.player.source)) this.player.stop(); // nothing would be left to stop it with
    this.#select(null);
    this.#hover(null);
    this.#points = points;
    this.camera.reset();
    const counts = new Map();
    for (const { category } of points) if (category) counts.set(category, (counts.get(category) ?? 0) + 1);
    const frequent = [...counts].sort((a, b) => b[1] - a[1]).slice(0, HUES).map(([category]) => category);
    this.#hues = new Map(frequent.map((category, at) => [category, at + 1]));
    const entries = frequent.map((category) => el("li", { data: { hue: this.#hues.get(category) } }, el("bdi", { textContent: category })));
    this.view.querySelector(".legend").replaceChildren(...entries);
    this.#draw();
  }

  #draw() {
    const style = getComputedStyle(this.canvas);
    const colours = [style.getPropertyValue("--accent")];
    for (let hue = 1; hue <= HUES; hue += 1) colours.push(style.getPropertyValue(`--hue-${hue}`));
    const other = style.getPropertyValue("--soft");
    const colourOf = ({ category }) => colours[this.#hues.get(category) ?? -1] ?? (this.#hues.size ? other : colours[0]);
    const playing = this.#points.find((point) => point.source && this.player.isPlaying(point.source));
    const marks = { colourOf, hovered: this.#hovered, selected: this.#selected, playing, ring: style.getPropertyValue("--text") };
    drawMap(this.canvas, this.camera, this.#points, marks);
    setIcon(this.card.querySelector(".play"), playing && playing === this.#selected ? "pause" : "play");
  }

  #select(point) {
    this.#selected = point;
    this.card.hidden = !point;
    if (point) {
      this.card.querySelector(".name").textContent = point.title;
      this.card.querySelector(".category").textContent = point.category ?? "";
      this.camera.follow(point);
    }
    this.#draw();
  }

  #play(point) {
    const url = audioUrl(point.clip_id);
    point.source ??= { url, standIn: `${url}.wav`, startS: 0 };
    this.player.toggle(point.source);
  }

  #pointOf(source) { return source && this.#points.find((point) => point.source === source); }

  #explain(point) {
    if (!point) return;
    this.#select(point);
    this.card.querySelector(".category").textContent = t("play.unreadable");
  }

  #hover(point) {
    this.#hovered = point;
    this.tip.hidden = !point;
    this.canvas.style.cursor = point ? "pointer" : "grab";
    if (point) {
      const { left, top } = this.camera.place(point);
      this.tip.textContent = point.title;
      this.tip.style.left = `${Math.min(left, this.canvas.clientWidth - 140)}px`;
      this.tip.style.top = `${top}px`;
    }
    this.#draw();
  }

  #listen() {
    const { canvas } = this;
    const at = (event) => {
      const box = canvas.getBoundingClientRect();
      return { left: event.clientX - box.left, top: event.clientY - box.top };
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.#pointers.set(event.pointerId, at(event));
      if (this.#pointers.size === 1) this.#moved = 0;
    });
    canvas.addEventListener("pointermove", (event) => {
      if (this.#pointers.has(event.pointerId)) this.#dragged(event.pointerId, at(event));
      else this.#hover(this.#near(at(event)));
    });
    canvas.addEventListener("pointerup", (event) => {
      const point = this.#near(at(event));
      if (this.#pointers.delete(event.pointerId) && this.#moved < DRAG_PX && point) {
        this.#select(point);
        this.#play(point);
      }
    });
    canvas.addEventListener("pointercancel", (event) => this.#pointers.delete(event.pointerId));
    canvas.addEventListener("pointerleave", () => this.#hover(null));
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      const { left, top } = at(event);
      this.camera.zoomAt(Math.exp(-event.deltaY / 400), left, top);
      this.#hover(this.#near({ left, top }));
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => this.#pressed(event));
    canvas.addEventListener("focus", () => { if (!this.#selected && canvas.matches(":focus-visible")) this.#select(this.#middle()); });
  }

  #near({ left, top }) { return this.camera.nearest(this.#points, left, top); }
  #middle() {
    const away = ({ x, y }) => (x - this.camera.x) ** 2 + (y - this.camera.y) ** 2;
    return this.#points.reduce((best, point) => (best && away(best) <= away(point) ? best : point), null);
  }

  // One pointer moves the map; two also enlarge it.
  #dragged(id, now) {
    const before = this.#pointers.get(id);
    const other = [...this.#pointers].find(([key]) => key !== id)?.[1];
    this.#pointers.set(id, now);
    this.#moved += Math.abs(now.left - before.left) + Math.abs(now.top - before.top);
    if (other) {
      const apart = (one) => Math.hypot(one.left - other.left, one.top - other.top);
      this.camera.zoomAt(apart(now) / Math.max(1, apart(before)), (now.left + other.left) / 2, (now.top + other.top) / 2);
    } else this.camera.pan(now.left - before.left, now.top - before.top);
    this.tip.hidden = true;
    this.#draw();
  }

  #pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.#points.length) return;
    const direction = DIRECTIONS[event.key];
    const point = this.#selected ?? this.#middle();
    if (direction && event.shiftKey) this.camera.pan(-direction[0] * PAN_PX, -direction[1] * PAN_PX);
    else if (direction) this.#select(this.#selected ? neighbour(this.#points, point, { dx: direction[0], dy: direction[1] }) ?? point : point);
    else if (event.key === "+" || event.key === "=") this.camera.zoomAt(ZOOM);
    else if (event.key === "-") this.camera.zoomAt(1 / ZOOM);
    else if (event.key === "0") this.camera.reset();
    else if (event.key === "Enter" || event.key === " ") this.#play(point);
    else if (event.key.toLowerCase() === "m") this.onLike(point);
    else return;
    event.preventDefault();
    this.#draw();
  }
}
