// One audio element for the whole page, so that only one sound ever plays.

export class Player extends EventTarget {
  #audio = new Audio();
  #frame = 0;
  #fromS = 0;
  #untilS = Infinity;
  source = null; // {url, standIn, startS}: what is loaded; standIn is where the sound is as a WAV, if anywhere

  constructor() {
    super();
    this.#audio.preload = "auto";
    this.#audio.id = "player";
    document.body.append(this.#audio); // without controls it shows nothing
    for (const name of ["play", "pause", "ended", "seeked"]) this.#audio.addEventListener(name, () => this.#changed());
    this.#audio.addEventListener("error", () => this.source && this.#failed());
  }

  get playing() { return this.source !== null && !this.#audio.paused && !this.#audio.ended; }
  get timeS() { return this.#audio.currentTime; }
  isPlaying(source) { return this.playing && this.source === source; }

  // Play or pause a source; a source that was not loaded starts at its startS.
  toggle(source) {
    if (this.source !== source) this.playFrom(source, source.startS);
    else if (this.playing) this.#audio.pause();
    else if (this.#audio.ended) this.playFrom(source, source.startS);
    else this.#start();
  }

  // untilS: where to stop, if before the end.
  playFrom(source, timeS, untilS = Infinity) {
    if (this.source !== source) {
      this.source = source;
      this.#audio.src = source.url;
    }
    this.#untilS = untilS;
    this.#fromS = Math.max(0, timeS);
    this.#audio.currentTime = this.#fromS;
    this.#start();
  }

  nudge(seconds) {
    if (this.source) this.#audio.currentTime = Math.max(0, this.#audio.currentTime + seconds);
  }

  stop() {
    this.source = null;
    this.#audio.pause();
    this.#audio.removeAttribute("src");
    this.#audio.load();
    this.#changed();
  }

  #start() {
    this.#audio.play().catch((error) => {
      // An AbortError only says that another sound was started meanwhile; a bad file also fires "error".
      if (error.name === "NotAllowedError") this.#changed();
    });
  }

  #failed() {
    const { source } = this;
    const { MEDIA_ERR_DECODE, MEDIA_ERR_SRC_NOT_SUPPORTED } = MediaError;
    const unplayable = [MEDIA_ERR_DECODE, MEDIA_ERR_SRC_NOT_SUPPORTED].includes(this.#audio.error?.code);
    if (source.standIn && unplayable) { // the browser may only lack this kind of file
      [source.url, source.standIn] = [source.standIn, null];
      this.source = null;
      this.playFrom(source, this.#audio.currentTime || this.#fromS);
      return;
    }
    this.dispatchEvent(new CustomEvent("failed", { detail: { source } }));
    this.stop();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
    cancelAnimationFrame(this.#frame);
    const tick = () => {
      if (this.playing && this.timeS >= this.#untilS) {
        this.#untilS = Infinity;
        this.#audio.pause();
      }
      this.dispatchEvent(new Event("time"));
      if (this.playing) this.#frame = requestAnimationFrame(tick);
    };
    tick();
  }
}
