// Where on the canvas a point of the map is, and drawing all of them.

const MARGIN = 0.9; // the part of the canvas that the whole map takes
const DOT_PX = 4;
const NEAR_PX = 16;
const EDGE_PX = 30;
const CARD_PX = 100; // at the bottom the chosen sound is described
export const MOST_ZOOM = 60;

// What part of the map is seen: its middle, in the map's own units of 0..1, and how much it is enlarged.
export class Camera2d {
  x = 0.5;
  y = 0.5;
  zoom = 1;

  constructor(canvas) { this.canvas = canvas; }

  get #size() { return Math.min(this.canvas.clientWidth, this.canvas.clientHeight) * MARGIN * this.zoom; }
  // The map is stretched to the canvas at most this much, so that a wide screen is used.
  get #wide() { return Math.min(1.6, Math.max(1, this.canvas.clientWidth / this.canvas.clientHeight)); }

  place(point) {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    return { left: (point.x - this.x) * this.#size * this.#wide + width / 2, top: (point.y - this.y) * this.#size + height / 2 };
  }

  pan(leftPx, topPx) {
    this.x -= leftPx / (this.#size * this.#wide);
    this.y -= topPx / this.#size;
    this.#hold();
  }

  // Nearer or farther; what is at (left, top) stays there.
  zoomAt(factor, left = this.canvas.clientWidth / 2, top = this.canvas.clientHeight / 2) {
    const [fromLeft, fromTop] = [left - this.canvas.clientWidth / 2, top - this.canvas.clientHeight / 2];
    const x = this.x + fromLeft / (this.#size * this.#wide);
    const y = this.y + fromTop / this.#size;
    this.zoom = Math.min(MOST_ZOOM, Math.max(1, this.zoom * factor));
    this.x = x - fromLeft / (this.#size * this.#wide);
    this.y = y - fromTop / this.#size;
    this.#hold();
  }

  reset() { [this.x, this.y, this.zoom] = [0.5, 0.5, 1]; }
  follow(point) {
    const { left, top } = this.place(point);
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (left < EDGE_PX || top < EDGE_PX || left > width - EDGE_PX || top > height - CARD_PX) [this.x, this.y] = [point.x, point.y];
  }

  nearest(points, left, top) {
    let [best, least] = [null, NEAR_PX ** 2];
    for (const point of points) {
      const at = this.place(point);
      const distance = (at.left - left) ** 2 + (at.top - top) ** 2;
      if (distance < least) [best, least] = [point, distance];
    }
    return best;
  }

  #hold() {
    this.x = Math.min(1, Math.max(0, this.x));
    this.y = Math.min(1, Math.max(0, this.y));
  }
}

// The next point from one in a direction: near, and not far off to the side.
export function neighbour(points, from, { dx, dy }) {
  let [best, least] = [null, Infinity];
  for (const point of points) {
    const ahead = (point.x - from.x) * dx + (point.y - from.y) * dy;
    const aside = Math.abs((point.x - from.x) * dy) + Math.abs((point.y - from.y) * dx);
    if (point === from || ahead <= 0 || aside > ahead * 2) continue;
    if (ahead + 2 * aside < least) [best, least] = [point, ahead + 2 * aside];
  }
  return best;
}

// colourOf(point) -> CSS colour; marked: points drawn larger, with what they are.
export function drawMap(canvas, camera, points, { colourOf, hovered, selected, playing, ring }) {
  const scale = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  if (!width) return;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const context = canvas.getContext("2d");
  context.scale(scale, scale);
  const dot = DOT_PX * Math.min(2, camera.zoom ** 0.3) * (points.length > 2000 ? 0.6 : 1);
  const put = (point, radius) => {
    const { left, top } = camera.place(point);
    if (left < -20 || top < -20 || left > width + 20 || top > height + 20) return;
    context.beginPath();
    context.arc(left, top, radius, 0, 2 * Math.PI);
  };
  context.globalAlpha = 0.8;
  for (const point of points) {
    context.fillStyle = colourOf(point);
    put(point, dot);
    context.fill();
  }
  context.globalAlpha = 1;
  for (const point of new Set([hovered, selected, playing].filter(Boolean))) {
    context.fillStyle = colourOf(point);
    put(point, dot * 1.6);
    context.fill();
    context.strokeStyle = ring;
    context.lineWidth = point === hovered && point !== selected ? 1.5 : 2.5;
    put(point, dot * 1.6 + 3);
    context.stroke();
  }
}
