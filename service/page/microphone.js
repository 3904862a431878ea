// A sound from the microphone, unimproved: what makes speech clear would take away the rain.

import { time } from "./format.js";
import { t } from "./i18n.js";
import { wavFile } from "./wav.js";

const LONGEST_S = 60;
const HEARD = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };

export class Microphone {
  #stream = null;
  #context = null;
  #blocks = [];
  #samples = 0;
  #opened = 0; // times; a stream that was allowed for an earlier one is let go

  // onSound(file)
  constructor(dialog, { onSound }) {
    Object.assign(this, { dialog, onSound });
    this.done = dialog.querySelector(".done");
    this.message = dialog.querySelector(".message");
    this.level = dialog.querySelector("meter");
    this.clock = dialog.querySelector(".clock");
    this.file = dialog.querySelector("input[type=file]");
    this.done.addEventListener("click", () => this.#finish());
    dialog.querySelector(".instead").addEventListener("click", () => this.file.click());
    this.file.addEventListener("change", () => {
      const [file] = this.file.files;
      this.file.value = "";
      if (!file) return;
      dialog.close();
      onSound(file);
    });
    dialog.addEventListener("close", () => this.#stop());
  }

  async open() {
    this.#opened += 1;
    const opened = this.#opened;
    this.#blocks = [];
    this.#samples = 0;
    this.done.disabled = true;
    this.clock.textContent = time(0);
    this.message.textContent = t("microphone.listening");
    this.dialog.showModal();
    try {
      await this.#listen(opened);
    } catch {
      if (opened === this.#opened) this.message.textContent = t("microphone.none");
    }
  }

  async #listen(opened) {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: HEARD });
    if (!this.dialog.open || opened !== this.#opened) return stream.getTracks().forEach((track) => track.stop());
    this.#stream = stream;
    this.#context = new AudioContext();
    await this.#context.audioWorklet.addModule("recorder_worklet.js");
    const recorder = new AudioWorkletNode(this.#context, "sonoglot-recorder", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
    recorder.port.onmessage = ({ data }) => this.#heard(data);
    this.#context.createMediaStreamSource(stream).connect(recorder);
    await this.#context.resume();
    this.done.disabled = false;
    this.done.focus();
  }

  #heard(block) {
    if (!this.#context) return;
    this.#blocks.push(block);
    this.#samples += block.length;
    const seconds = this.#samples / this.#context.sampleRate;
    this.level.value = Math.max(block.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0), this.level.value * 0.97);
    this.clock.textContent = time(Math.floor(seconds));
    if (seconds >= LONGEST_S) this.#finish();
  }

  #finish() {
    const { sampleRate } = this.#context;
    this.dialog.close();
    if (this.#samples) this.onSound(wavFile(this.#blocks, sampleRate, t("microphone.name")));
  }

  #stop() {
    this.#stream?.getTracks().forEach((track) => track.stop());
    this.#context?.close();
    this.#stream = this.#context = null;
    this.level.value = 0;
  }
}
