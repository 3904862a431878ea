// The REST API as the page uses it: each call answers with data or throws a Problem.

import { t } from "./i18n.js";

export class Problem extends Error {
  constructor({ status = 0, title = "", detail = "", type = "" }) {
    super(detail || title);
    Object.assign(this, { status, title, detail, type });
  }

  // This server has no such thing: the page then hides what it is for.
  get isAbsent() { return [403, 404, 405].includes(this.status); }
  is(name) { return this.type.endsWith(`:${name}`); }
}

export const unreachable = () => new Problem({ title: t("error.unreachable"), detail: t("error.unreachable.hint") });

async function call(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw unreachable();
  }
  const body = await response.json().catch(() => ({}));
  if (response.ok) return body;
  throw new Problem({ title: response.statusText || t("error.unknown"), ...body, status: response.status });
}

const send = (method, path, body, signal) =>
  call(path, { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal });
const part = encodeURIComponent;

// request: FormData, or an object to be sent as JSON (see question.js).
export const search = (request, signal) =>
  request instanceof FormData ? call("v1/search", { method: "POST", body: request, signal }) : send("POST", "v1/search", request, signal);
export const session = () => call("v1/session");
// Keeps a key in a cookie that only the server reads.
export const openSession = (key) => call("v1/session", { method: "POST", body: new URLSearchParams({ key }) });
export const closeSession = () => call("v1/session", { method: "DELETE" });
export const readiness = () => call("readyz");
export const clip = (id) => call(`v1/clips/${part(id)}`);
export const audioUrl = (id) => `v1/clips/${part(id)}/audio`;
export const waveform = (id, signal) => call(`v1/clips/${part(id)}/waveform`, { signal });
export const libraries = () => call("v1/libraries");
export const makeLibrary = (name) => send("POST", "v1/libraries", { name });
export const facets = (library) => call(`v1/libraries/${part(library)}/facets`);
export const map = (library, signal) => call(`v1/libraries/${part(library)}/map`, { signal });
export const jobs = () => call("v1/jobs?limit=50");
export const jobEvents = (id) => new EventSource(`v1/jobs/${part(id)}/events`);
export const changeJob = (id, change) => call(`v1/jobs/${part(id)}/${change}`, { method: "POST" });
export const uploadUrl = (library) => `v1/libraries/${part(library)}/uploads`;
