// Indexing jobs and how far they are, told by the server as it happens.

import { changeJob, jobEvents, jobs } from "./api.js";
import { el, iconButton } from "./dom.js";
import { language, number, t, tn } from "./i18n.js";
import { may } from "./session.js";

const ACTIVE = new Set(["queued", "running"]);
const FOLLOWED = 2; // browsers have few connections to a server, and the rest of the page needs some
const AGAIN_MS = { first: 2000, most: 60_000 }; // how long to wait until a server that refused is asked again
const COUNTS = ["indexed", "unchanged", "skipped", "failed"];

export class Jobs extends EventTarget {
  #jobs = new Map();
  #rows = new Map(); // job's id -> {told, element}: as long as nothing changes, the element and the focus stay
  #sources = new Map(); // EventSource of each job that is followed
  #again = null; // timer
  #againMs = AGAIN_MS.first;

  // Fires "change" when something began or ended, "end" when a job ended (libraries may then have more).
  constructor(list, { empty }) {
    super();
    Object.assign(this, { list, empty });
  }

  get active() { return [...this.#jobs.values()].filter((job) => ACTIVE.has(job.state)).length; }

  // Throws a Problem; one that isAbsent if there are no jobs to be seen.
  async load() {
    const told = (await jobs()).jobs;
    const isEnded = told.some((job) => !ACTIVE.has(job.state) && ACTIVE.has(this.#jobs.get(job.job_id)?.state));
    told.forEach((job) => this.#jobs.set(job.job_id, job));
    this.#render();
    if (isEnded) this.dispatchEvent(new Event("end"));
  }

  add(job) {
    this.#jobs.set(job.job_id, job);
    this.#render();
  }

  #render() {
    const newest = [...this.#jobs.values()].sort((a, b) => (a.created_at < b.created_at ? 1 : -1));
    const sorted = newest.sort((a, b) => ACTIVE.has(b.state) - ACTIVE.has(a.state));
    const rows = sorted.map((job) => this.#rowOf(job));
    const isSame = rows.length === this.list.children.length && rows.every((row, at) => row === this.list.children[at]);
    if (!isSame) this.list.replaceChildren(...rows);
    this.empty.hidden = sorted.length > 0;
    const running = sorted.filter(({ state }) => state === "running");
    const queued = sorted.filter(({ state }) => state === "queued").reverse();
    [...running, ...queued].forEach((job) => this.#follow(job.job_id));
    this.dispatchEvent(new Event("change"));
  }

  #follow(id) {
    if (this.#sources.has(id) || this.#sources.size >= FOLLOWED) return;
    const source = jobEvents(id);
    this.#sources.set(id, source);
    source.addEventListener("progress", ({ data }) => {
      this.#againMs = AGAIN_MS.first;
      this.#update(JSON.parse(data));
    });
    source.addEventListener("error", () => {
      if (source.readyState !== EventSource.CLOSED) return; // the browser connects again by itself
      this.#sources.delete(id); // refused, by the server or by a proxy before it
      this.#loadLater();
    });
    source.addEventListener("end", async ({ data }) => {
      source.close();
      this.#sources.delete(id);
      this.#update(JSON.parse(data));
      this.dispatchEvent(new Event("end"));
      await this.load().catch(() => {}); // of those that are not followed
    });
  }

  #loadLater() {
    if (this.#again) return;
    this.#again = setTimeout(async () => {
      this.#again = null;
      await this.load().catch(() => this.#loadLater());
    }, this.#againMs);
    this.#againMs = Math.min(AGAIN_MS.most, 2 * this.#againMs);
  }

  #update(job) {
    const before = this.#jobs.get(job.job_id);
    this.#jobs.set(job.job_id, job);
    if (before?.state !== job.state) return this.#render();
    const row = [...this.list.children].find((element) => element.dataset.jobId === job.job_id);
    row?.querySelector(".progress").replaceWith(progress(job)); // buttons stay, and keep the focus
  }

  #rowOf(job) {
    const told = JSON.stringify(job);
    if (this.#rows.get(job.job_id)?.told !== told) this.#rows.set(job.job_id, { told, element: this.#row(job) });
    return this.#rows.get(job.job_id).element;
  }

  #row(job) {
    const state = t(`job.${job.state}`);
    const when = new Date(job.ended_at ?? job.started_at ?? job.created_at).toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
    const row = el("li", { className: `job ${job.state}`, data: { jobId: job.job_id } },
      el("div", { className: "job-head" },
        el("b", {}, el("bdi", { textContent: job.library })),
        el("span", { className: "state", textContent: state }),
        el("time", { textContent: when }),
        this.#buttons(job)),
      progress(job));
    if (job.error) row.append(el("p", { className: "complaint", dir: "auto", textContent: job.error }));
    return row;
  }

  #buttons(job) {
    if (!may("index")) return null;
    const change = (what) => async ({ currentTarget: button }) => {
      button.disabled = true;
      try {
        this.add(await changeJob(job.job_id, what));
      } catch (error) {
        button.disabled = false;
        const row = button.closest(".job");
        row.querySelector(".complaint")?.remove();
        row.append(el("p", { className: "complaint", role: "alert", dir: "auto", textContent: error.message }));
      }
    };
    if (ACTIVE.has(job.state)) return iconButton("close", t("job.cancel", { name: job.library }), change("cancel"), { className: "cancel" });
    if (job.state === "done") return null;
    return iconButton("retry", t("job.retry", { name: job.library }), change("retry"), { className: "retry" });
  }
}

function progress({ state, library, progress: at }) {
  const box = el("div", { className: "progress" });
  if (ACTIVE.has(state)) {
    const bar = el("progress", { aria: { label: t("job.progress", { name: library }) } });
    if (at?.total) Object.assign(bar, { max: at.total, value: at.done });
    box.append(bar);
  }
  if (at) {
    const counts = COUNTS.filter((name) => at[name]).map((name) => `${t(`job.${name === "failed" ? "unusable" : name}`)} ${number(at[name])}`);
    const done = at.total ? t("job.of", { done: number(at.done), total: number(at.total) }) : tn("files", at.done);
    box.append(el("small", { textContent: [done, ...counts].join(" · ") }));
  }
  return box;
}
