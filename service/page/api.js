// The REST API as the page uses it: each call answers with data or throws a Problem.

export class Problem extends Error {
  constructor({ status = 0, title = "No answer", detail = "", type = "" }) {
    super(detail || title);
    Object.assign(this, { status, title, detail, type });
  }
}

async function call(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ title: "The server does not answer", detail: "Is Sonoglot still running? Search again once it is." });
  }
  const body = await response.json().catch(() => ({}));
  if (response.ok) return body;
  throw new Problem({ title: response.statusText || "Something went wrong", ...body, status: response.status });
}

// query: {kind: "text", text} | {kind: "clip", clipId} | {kind: "image" | "audio", file}
export function search(query, { library, k, signal }) {
  if (query.file) {
    const body = new FormData();
    body.append(query.kind, query.file, query.file.name || query.kind);
    body.append("k", k);
    if (library) body.append("library", library);
    return call("v1/search", { method: "POST", body, signal });
  }
  const asked = query.kind === "clip" ? { clip_id: query.clipId } : { text: query.text };
  if (library) asked.library = library;
  const headers = { "Content-Type": "application/json" };
  return call("v1/search", { method: "POST", headers, body: JSON.stringify({ ...asked, k }), signal });
}

// Keeps a key in a cookie that only the server reads.
export const openSession = (key) => call("v1/session", { method: "POST", body: new URLSearchParams({ key }) });
export const libraries = () => call("v1/libraries");
export const readiness = () => call("readyz");
export const clip = (id) => call(`v1/clips/${encodeURIComponent(id)}`);
export const waveform = (id, signal) => call(`v1/clips/${encodeURIComponent(id)}/waveform`, { signal });
