// What the page searches with when it is not words: a picture, a sound, or a clip that was found.

const icon = (name) => `<svg aria-hidden="true"><use href="#${name}"/></svg>`;

export class Example {
  #url = null;

  constructor(box, { player, onClear }) {
    this.box = box;
    this.player = player;
    this.onClear = onClear;
    player.addEventListener("change", () => this.#mark());
  }

  show(query) {
    this.clear();
    if (query.kind === "text") return;
    this.box.hidden = false;
    if (query.kind === "image") this.box.append(this.#picture(query.file));
    if (query.kind === "audio") this.box.append(this.#playButton(query.file));
    this.box.append(this.#label(query), this.#closeButton());
  }

  clear() {
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#url = null;
    this.source = null;
    this.box.replaceChildren();
    this.box.hidden = true;
  }

  #picture(file) {
    this.#url = URL.createObjectURL(file);
    const picture = document.createElement("img");
    picture.src = this.#url;
    picture.alt = "The picture you search with";
    return picture;
  }

  #playButton(file) {
    this.#url = URL.createObjectURL(file);
    this.source = { url: this.#url, startS: 0 };
    const button = document.createElement("button");
    button.type = "button";
    button.className = "play";
    button.innerHTML = icon("i-play");
    button.setAttribute("aria-label", "Play the sound you search with");
    button.addEventListener("click", () => this.player.toggle(this.source));
    return button;
  }

  #label(query) {
    const label = document.createElement("div");
    label.className = "label";
    const kind = document.createElement("small");
    kind.textContent = { image: "Sounds like this picture", audio: "Sounds like this sound", clip: "More like this clip" }[query.kind];
    const name = document.createElement("b");
    name.dir = "auto";
    name.textContent = query.name ?? query.file.name;
    label.append(kind, name);
    return label;
  }

  #closeButton() {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "icon-button close";
    button.setAttribute("aria-label", "Remove it from the search");
    button.innerHTML = icon("i-close");
    button.addEventListener("click", () => this.onClear());
    return button;
  }

  #mark() {
    const button = this.source && this.box.querySelector(".play");
    if (!button) return;
    const playing = this.player.isPlaying(this.source);
    button.classList.toggle("playing", playing);
    button.querySelector("use").setAttribute("href", playing ? "#i-pause" : "#i-play");
  }
}
