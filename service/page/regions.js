// A part of a clip, chosen by dragging over its waveform or from the keyboard. One row at a time has one.

const DRAG_PX = 5; // less is a click, which seeks
const SHORTEST_S = 0.5;
const STEP_S = 0.5;

export class Regions {
  #row = null;
  #drag = null; // {row, fromS, fromX, moved}

  // onSeek(row, timeS): a click. onChange(row): its region changed.
  constructor(list, { onSeek, onChange }) {
    Object.assign(this, { onSeek, onChange });
    list.addEventListener("pointerdown", (event) => this.#started(event));
    list.addEventListener("pointermove", (event) => this.#moved(event));
    list.addEventListener("pointerup", (event) => this.#ended(event));
    list.addEventListener("pointercancel", () => { this.#drag = null; });
  }

  clear(row = this.#row) {
    if (!row?.region) return;
    row.setRegion(null);
    this.onChange(row);
  }

  // In and out points, as editors of sound have them. positionS: where it plays, or where the best match begins.
  setIn(row, positionS) { this.#set(row, positionS, Math.max(row.region?.endS ?? row.matches[0].endS, positionS + SHORTEST_S)); }
  setOut(row, positionS) { this.#set(row, Math.min(row.region?.startS ?? row.matches[0].startS, positionS - SHORTEST_S), positionS); }

  // Longer or shorter by a step at its end; a new one begins at the position.
  stretch(row, positionS, steps) {
    const startS = row.region?.startS ?? positionS;
    const endS = row.region?.endS ?? positionS + SHORTEST_S;
    this.#set(row, startS, Math.max(startS + SHORTEST_S, endS + steps * STEP_S));
  }

  #set(row, fromS, toS) {
    if (this.#row !== row) this.clear();
    this.#row = row;
    const { duration_s: durationS } = row.hit;
    const startS = Math.max(0, Math.min(fromS, toS, durationS - SHORTEST_S));
    const endS = Math.min(durationS, Math.max(fromS, toS, startS + SHORTEST_S));
    row.setRegion({ startS: round(startS), endS: round(endS) });
    this.onChange(row);
  }

  #started(event) {
    const wave = event.button === 0 && event.target.closest(".wave");
    if (!wave) return;
    const { row } = wave.closest(".hit");
    this.#drag = { row, fromS: timeAt(row, event.clientX), fromX: event.clientX, moved: false };
    wave.setPointerCapture(event.pointerId);
  }

  #moved(event) {
    const drag = this.#drag;
    if (!drag) return;
    drag.moved ||= Math.abs(event.clientX - drag.fromX) > DRAG_PX;
    if (drag.moved) this.#set(drag.row, drag.fromS, timeAt(drag.row, event.clientX));
  }

  #ended() {
    const drag = this.#drag;
    this.#drag = null;
    if (drag && !drag.moved) this.onSeek(drag.row, drag.fromS);
  }
}

function timeAt(row, clientX) {
  const box = row.find(".wave").getBoundingClientRect();
  return Math.min(1, Math.max(0, (clientX - box.left) / box.width)) * row.hit.duration_s;
}

const round = (seconds) => Math.round(seconds * 100) / 100;
