// The page: asks, shows what came back, and remembers the question in the address.

import { clip, libraries, Problem, readiness, search } from "./api.js";
import { Example } from "./example.js";
import { count, splitPath } from "./format.js";
import * as notice from "./notice.js";
import { Player } from "./player.js";
import { Results } from "./results.js";

const PAGE = 10;
const MAX_RESULTS = 100;
const PLACEHOLDERS = [
  "Describe a sound, in any language", "footsteps on gravel", "雷鳴と雨", "صوت أمواج البحر", "скрип двери",
  "una multitud aplaude", "बच्चे की हँसी", "ein Zug fährt vorbei", "የዝናብ ድምፅ", "เสียงแมวร้อง", "hatua za miguu",
];
const PLACEHOLDER_MS = 4000;
const READY_POLL_MS = 1000;

const $ = (id) => document.getElementById(id);
const player = new Player();
const example = new Example($("example"), { player, onClear: () => startAgain() });
const results = new Results($("results"), {
  player,
  template: $("row"),
  onLike: (hit, name) => ask({ kind: "clip", clipId: hit.clip_id, name }),
});

let query = null; // what was asked last
let running = null; // AbortController of the search under way
let hasLibraries = false;

// --- asking

async function ask(asked, { k = PAGE, remember = true } = {}) {
  const more = asked === query && k > PAGE;
  query = asked;
  running?.abort();
  running = new AbortController();
  const { signal } = running;
  if (!more) {
    example.show(asked);
    $("text").value = asked.kind === "text" ? asked.text : "";
    $("results").classList.add("stale");
  }
  if (remember) writeAddress();
  say("Listening…", { busy: true });
  try {
    const answer = await search(asked, { library: $("library").value, k, signal });
    show(answer, { more, k });
  } catch (error) {
    if (error.name !== "AbortError") fail(error);
  }
}

function show(answer, { more, k }) {
  const { hits } = answer;
  if (more) results.append(hits.slice(results.count));
  else results.replace(hits);
  $("results").classList.remove("stale");
  $("more").hidden = hits.length < k || k >= MAX_RESULTS;
  $("model").textContent = answer.model;
  say(`${count(hits.length, "sound", "sounds")} · ${Math.round(answer.took_ms)} ms`);
  if (hits.length) notice.hide($("notice"));
  else notice.showNothingFound($("notice"));
}

function fail(error) {
  results.replace([]);
  $("results").classList.remove("stale");
  $("more").hidden = true;
  say("");
  notice.showProblem($("notice"), error);
}

function startAgain() {
  running?.abort();
  query = null;
  example.clear();
  results.replace([]);
  $("more").hidden = true;
  $("text").value = "";
  say("");
  writeAddress();
  showStart();
  $("text").focus();
}

function showStart() {
  if (hasLibraries) notice.showStart($("notice"), (text) => ask({ kind: "text", text }));
  else notice.showNoLibrary($("notice"));
}

function say(text, { busy = false } = {}) {
  $("status").textContent = text;
  $("status").classList.toggle("busy", busy);
}

function askWithFile(file) {
  const looksLikeSound = /\.(wav|flac|mp3|og[ga]|opus|m4a|aac|aiff?)$/i.test(file.name);
  if (file.type.startsWith("image/")) ask({ kind: "image", file });
  else if (file.type.startsWith("audio/") || looksLikeSound) ask({ kind: "audio", file });
  else fail(new Problem({ title: "Not a picture and not a sound", detail: `“${file.name}” cannot be searched with. Choose a picture, or a sound.` }));
}

// --- the address: ?q=…&library=… or ?like=CLIP, so that reloading and going back work

function writeAddress() {
  const parameters = new URLSearchParams();
  if (query?.kind === "text") parameters.set("q", query.text);
  if (query?.kind === "clip") parameters.set("like", query.clipId);
  if ($("library").value) parameters.set("library", $("library").value);
  const address = parameters.size ? `?${parameters}` : location.pathname;
  if (address !== location.search) history.pushState(null, "", address);
}

async function readAddress() {
  const parameters = new URLSearchParams(location.search);
  chooseLibrary(parameters.get("library") ?? "");
  if (parameters.get("q")) return ask({ kind: "text", text: parameters.get("q") }, { remember: false });
  if (!parameters.get("like")) return query ? startAgain() : showStart();
  try {
    const { clip_id: clipId, path } = await clip(parameters.get("like"));
    await ask({ kind: "clip", clipId, name: splitPath(path).name }, { remember: false });
  } catch (error) {
    fail(error);
  }
}

// --- libraries

async function loadLibraries() {
  const { libraries: found } = await libraries();
  hasLibraries = found.length > 0;
  const chosen = $("library").value;
  const all = new Option("All libraries", "");
  $("library").replaceChildren(all, ...found.map(({ name, clips }) => new Option(`${name} (${clips.toLocaleString()})`, name)));
  chooseLibrary(chosen);
}

function chooseLibrary(name) {
  $("library").value = name;
  if ($("library").selectedIndex < 0) $("library").value = "";
}

async function untilReady() {
  for (;;) {
    try {
      const { model } = await readiness();
      $("model").textContent = model;
      return say("");
    } catch (problem) {
      if (!problem.type?.endsWith(":loading")) throw problem;
      say("Loading the model…", { busy: true });
      await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
    }
  }
}

// --- what people do

$("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("text").value.trim();
  if (text) ask({ kind: "text", text });
  else if (query?.kind === "text") startAgain();
});
$("library").addEventListener("change", () => (query ? ask(query) : writeAddress()));
$("more").addEventListener("click", () => ask(query, { k: Math.min(MAX_RESULTS, results.count + PAGE), remember: false }));
$("drop").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", () => {
  const [file] = $("file").files;
  if (file) askWithFile(file);
  $("file").value = ""; // so that the same file can be chosen again
});
$("help-open").addEventListener("click", () => $("help").showModal());

document.addEventListener("paste", (event) => {
  const [file] = event.clipboardData.files;
  if (!file) return;
  event.preventDefault();
  askWithFile(file);
});

const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
document.addEventListener("dragover", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  document.body.classList.add("dropping");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dropping");
});
document.addEventListener("drop", (event) => {
  document.body.classList.remove("dropping");
  if (!hasFiles(event)) return;
  event.preventDefault();
  const [file] = event.dataTransfer.files;
  if (file) askWithFile(file);
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
  const typing = event.target.closest("input, select, textarea");
  if (event.key === "Escape") player.stop();
  else if (event.key === "ArrowDown" && event.target === $("text") && results.count) {
    event.preventDefault();
    results.focusFirst();
  } else if (typing || event.defaultPrevented) return;
  else if (event.key === "/") {
    event.preventDefault();
    $("text").focus();
    $("text").select();
  } else if (event.key === "?") $("help").showModal();
  else if (event.key === "ArrowDown" && event.target === document.body) results.focusFirst();
});

addEventListener("popstate", () => readAddress());
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) loadLibraries().then(() => (query ? null : showStart())).catch(() => {}); // the next search says what is wrong
});

function cyclePlaceholder() {
  let at = 0;
  setInterval(() => {
    if ($("text").value) return;
    at = (at + 1) % PLACEHOLDERS.length;
    $("text").placeholder = PLACEHOLDERS[at];
  }, PLACEHOLDER_MS);
}

if (!matchMedia("(prefers-reduced-motion: reduce)").matches) cyclePlaceholder();
try {
  await untilReady();
  await loadLibraries();
  await readAddress();
} catch (error) {
  if (error.type?.endsWith(":no-store")) showStart();
  else fail(error);
}
document.documentElement.dataset.state = "ready";
