// A picture from the camera. Where the page may not use it, the device's own camera or a file takes its place.

import { t } from "./i18n.js";

const TYPE = "image/jpeg";
const LONGEST_PX = 1280; // more would tell the model nothing

export class Camera {
  #stream = null;
  #opened = 0; // times; a stream that was allowed for an earlier one is let go

  // onPicture(file)
  constructor(dialog, { onPicture }) {
    Object.assign(this, { dialog, onPicture });
    this.video = dialog.querySelector("video");
    this.take = dialog.querySelector(".take");
    this.message = dialog.querySelector(".message");
    this.file = dialog.querySelector("input[type=file]");
    this.take.addEventListener("click", () => this.#shoot());
    dialog.querySelector(".instead").addEventListener("click", () => this.file.click());
    this.file.addEventListener("change", () => {
      const [file] = this.file.files;
      this.file.value = "";
      if (file) this.#done(file);
    });
    dialog.addEventListener("close", () => this.#stop());
  }

  async open() {
    this.#opened += 1;
    const opened = this.#opened;
    this.take.disabled = true;
    this.video.hidden = false;
    this.message.textContent = "";
    this.dialog.showModal();
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      if (!this.dialog.open || opened !== this.#opened) return stream.getTracks().forEach((track) => track.stop());
      this.#stream = stream;
      this.video.srcObject = stream;
      await this.video.play();
      this.take.disabled = false;
      this.take.focus();
    } catch {
      if (opened !== this.#opened) return;
      this.video.hidden = true;
      this.message.textContent = t("camera.none");
    }
  }

  async #shoot() {
    this.take.disabled = true;
    const { videoWidth: width, videoHeight: height } = this.video;
    const scale = Math.min(1, LONGEST_PX / Math.max(width, height));
    const canvas = Object.assign(document.createElement("canvas"), { width: width * scale, height: height * scale });
    canvas.getContext("2d").drawImage(this.video, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, TYPE, 0.92));
    this.#done(new File([blob], t("camera.name"), { type: TYPE }));
  }

  #done(file) {
    this.dialog.close();
    this.onPicture(file);
  }

  #stop() {
    this.#stream?.getTracks().forEach((track) => track.stop());
    this.#stream = null;
    this.video.srcObject = null;
  }
}
