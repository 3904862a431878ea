// Sends sounds, or archives of them, into a library; what was refused is said by name.

import { makeLibrary, Problem, unreachable, uploadUrl } from "./api.js";
import { el } from "./dom.js";
import { number, t, tn } from "./i18n.js";

export class Uploads {
  #libraries = [];
  #sending = 0; // uploads under way

  // onJob(job): the server indexes what came.
  constructor(form, { onJob }) {
    Object.assign(this, { form, onJob });
    this.library = form.querySelector("input[name=library]");
    this.file = form.querySelector("input[type=file]");
    this.bar = form.querySelector("progress");
    this.said = form.querySelector(".said");
    form.addEventListener("submit", (event) => event.preventDefault());
    form.querySelector(".choose").addEventListener("click", () => this.file.click());
    this.file.addEventListener("change", () => {
      const files = [...this.file.files];
      this.file.value = "";
      if (files.length) this.send(files);
    });
  }

  setLibraries(names) {
    this.#libraries = names;
    this.form.querySelector("datalist").replaceChildren(...names.map((value) => el("option", { value })));
  }

  set into(library) { if (!this.library.value) this.library.value = library; }

  async send(files) {
    const library = this.library.value.trim();
    if (!this.#sending) this.said.replaceChildren();
    const said = this.said.appendChild(el("div")); // each upload has its own, for there may be several
    if (!library) {
      say(said, t("upload.name"));
      return this.library.focus();
    }
    this.#sending += 1;
    this.bar.hidden = false;
    this.bar.value = 0;
    say(said, tn("upload.sending", files.length));
    try {
      if (!this.#libraries.includes(library)) {
        await makeLibrary(library).catch((problem) => { if (!problem.is("library-exists")) throw problem; });
        this.#libraries.push(library);
      }
      const answer = await post(uploadUrl(library), files, (share) => { this.bar.value = share; });
      this.#show(answer, said);
    } catch (error) {
      say(said, error.message);
    } finally {
      this.#sending -= 1;
      this.bar.hidden = !this.#sending;
    }
  }

  #show({ files, job }, said) {
    const refused = files.filter(({ state }) => state === "refused");
    say(said, tn("upload.accepted", files.length - refused.length));
    if (refused.length) {
      const reasons = refused.map(({ filename, reason }) => el("li", { dir: "auto", textContent: `${filename}: ${reason}` }));
      said.append(el("ul", {}, ...reasons));
    }
    if (job) this.onJob(job);
  }
}

function say(box, text) { box.replaceChildren(el("p", { textContent: text, dir: "auto" })); }

// As XMLHttpRequest does it, for fetch does not say how much was sent.
function post(url, files, onShare) {
  const body = new FormData();
  files.forEach((file) => body.append("file", file, file.name));
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.responseType = "json";
    request.upload.addEventListener("progress", ({ loaded, total }) => onShare(total ? loaded / total : 0));
    request.addEventListener("error", () => reject(unreachable()));
    request.addEventListener("load", () => {
      const { status, response } = request;
      if (status < 300) resolve(response);
      else reject(new Problem({ title: `${t("error.unknown")} (${number(status)})`, ...response, status }));
    });
    request.send(body);
  });
}
