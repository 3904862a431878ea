// What the page searches with beside words: a picture, a sound, or a clip that was found, whole or in part.

import { el, icon, iconButton, setIcon } from "./dom.js";
import { range } from "./format.js";
import { t } from "./i18n.js";

export class Example {
  #url = null;

  constructor(box, { player, onClear }) {
    Object.assign(this, { box, player, onClear });
    player.addEventListener("change", () => this.#mark());
  }

  // example: as in a question (question.js), or null.
  show(example) {
    if (this.source && this.player.source === this.source) this.player.stop();
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#url = example?.file ? URL.createObjectURL(example.file) : null;
    this.source = null;
    this.box.replaceChildren();
    this.box.hidden = !example;
    if (!example) return;
    if (example.kind === "image") this.box.append(el("img", { src: this.#url, alt: t("example.picture") }));
    if (example.kind === "audio") this.box.append(this.#playButton());
    this.box.append(this.#label(example), iconButton("close", t("example.remove"), () => this.onClear(), { className: "close" }));
  }

  #playButton() {
    this.source = { url: this.#url, startS: 0 };
    const button = el("button", { type: "button", className: "play", aria: { label: t("example.play") } }, icon("play"));
    button.addEventListener("click", () => this.player.toggle(this.source));
    return button;
  }

  #label(example) {
    const part = example.startS === undefined ? "" : ` · ${range(example)}`;
    const name = example.name ?? example.file?.name ?? example.clipId;
    return el("div", { className: "label" },
      el("small", { textContent: t(`example.by.${part ? "part" : example.kind}`) }),
      el("b", {}, el("bdi", { textContent: name }), part));
  }

  #mark() {
    const button = this.source && this.box.querySelector(".play");
    if (!button) return;
    const playing = this.player.isPlaying(this.source);
    button.classList.toggle("playing", playing);
    setIcon(button, playing ? "pause" : "play");
  }
}
