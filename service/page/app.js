// The page: its parts, joined. What is asked and seen is in the address, so that reloading and going back work.

import { clip, closeSession, libraries, Problem, readiness } from "./api.js";
import { Asking } from "./asking.js";
import { Camera } from "./camera.js";
import { setIcon } from "./dom.js";
import { exampleOf, takeFiles } from "./dropping.js";
import { nameOf } from "./format.js";
import { language, LANGUAGES, loadLanguage, number, switchLanguage, t, translate } from "./i18n.js";
import { Jobs } from "./jobs.js";
import { SoundMap } from "./map.js";
import { Microphone } from "./microphone.js";
import * as notice from "./notice.js";
import { Player } from "./player.js";
import { empty, fromAddress, isEmpty, isLinkable, part, toAddress } from "./question.js";
import { Results } from "./results.js";
import { Saved } from "./saved.js";
import { Searching } from "./searching.js";
import { loadSession, may } from "./session.js";
import { listenForKeys } from "./shortcuts.js";
import { Uploads } from "./uploads.js";
import { Views } from "./views.js";

const READY_POLL_MS = 1000;
const COPIED_MS = 1200;
const $ = (id) => document.getElementById(id);

await loadLanguage();
translate(document);

const player = new Player();
const views = new Views($("nav"));
const onLike = ({ hit, name }, region) => {
  showView("search");
  asking.askWith(part(hit, name, region ?? {}));
};
const listOf = (list) => new Results(list, { player, template: $("row"), onLike, onLeave: () => $("text").focus() });
const results = listOf($("results"));
const searching = new Searching(
  { list: $("results"), status: $("status"), notice: $("notice"), more: $("more"), model: $("model") }, results,
);
const asking = new Asking($("search"), { player, onAsk: (question) => asked(question), onClear: () => startAgain() });
const camera = new Camera($("camera"), { onPicture: (file) => asking.askWith({ kind: "image", file }) });
const microphone = new Microphone($("microphone"), { onSound: (file) => asking.askWith({ kind: "audio", file }) });
const saved = new Saved($("view-saved"), { results: listOf($("favourites")), onOpen: (address) => go(address) });
const jobs = new Jobs($("jobs"), { empty: $("no-jobs") });
const uploads = new Uploads($("upload"), {
  onJob: (job) => jobs.add(job),
});
const map = new SoundMap($("view-map"), {
  player,
  onLike: ({ clip_id: clipId, title }) => onLike({ hit: { clip_id: clipId }, name: title }),
  onAbsent: () => views.hide("map"),
});
let known = null; // names of the libraries, once they are known
let reading = 0; // counts readings and writings of the address

// --- search

// The library may be changed in another view; the search is asked again when it is seen again.
function asked(question) {
  if (views.current === "search") ask(question);
  else writeAddress();
}

function ask(question, { remember = true } = {}) {
  if (remember) writeAddress();
  $("copy-link").hidden = !isLinkable(question);
  return searching.ask(question);
}

function startAgain({ remember = true } = {}) {
  searching.stop();
  asking.question = { ...empty(), filters: asking.question.filters };
  $("copy-link").hidden = true;
  if (remember) writeAddress();
  showStart();
}

function showStart() {
  if (!known || known.length) notice.showStart($("notice"), (text) => asking.askFor(text));
  else notice.showNoLibrary($("notice"), views.has("libraries") && may("index") ? () => open("libraries") : null);
}

function searchWith(file) {
  showView("search");
  const example = exampleOf(file);
  if (example) return asking.askWith(example);
  writeAddress();
  searching.fail(new Problem({ title: t("file.neither"), detail: t("file.neither.hint", { name: file.name }) }));
}

// --- the address: ?q=…&library=…, ?like=CLIP&from=…&to=…, and &view=… (question.js, views.js)

function writeAddress() {
  reading += 1;
  const address = toAddress(asking.question);
  if (views.current !== "search") address.set("view", views.current);
  go(address.size ? `?${address}` : location.pathname, { read: false });
}

function go(address, { read = true } = {}) {
  if (address !== (location.search || location.pathname)) history.pushState(null, "", address);
  if (read) readAddress();
}

async function readAddress() {
  const address = new URLSearchParams(location.search);
  const view = views.known(address.get("view"));
  const question = fromAddress(address);
  reading += 1;
  const now = reading;
  if (isAsked(question)) return showView(view);
  try {
    if (question.example) question.example.name = nameOf(await clip(question.example.clipId));
  } catch (error) {
    if (now !== reading) return;
    showView(view);
    return searching.fail(error);
  }
  if (now !== reading) return; // someone went on meanwhile
  asking.question = question;
  showView(view);
  if (view !== "search") return;
  if (isEmpty(question)) startAgain({ remember: false });
  else await ask(question, { remember: false });
}

const isAsked = (question) => searching.question && String(toAddress(searching.question)) === String(toAddress(question));

function open(view) {
  if (view === views.current) return;
  showView(view);
  writeAddress();
  if (view !== "search" || isAsked(asking.question)) return;
  if (isEmpty(asking.question)) startAgain({ remember: false });
  else ask(asking.question, { remember: false });
}

function showView(view) {
  const isNew = view !== views.current;
  views.show(view);
  if (isNew && view !== "search") views.focus();
  if (view === "map" && known) map.show($("library").value || known[0]);
  if (view === "saved") saved.show();
  if (view === "libraries") uploads.into = $("library").value || known?.[0] || "";
}

// --- libraries and jobs

async function loadLibraries() {
  const { libraries: found } = await libraries();
  known = found.map(({ name }) => name);
  uploads.setLibraries([...known]);
  asking.filters.setLibraries(found);
}

async function refresh() {
  const hadNone = !known?.length;
  if (!(await loadLibraries().then(() => true, () => false))) return; // the next search says what is wrong
  if (hadNone && views.current === "map") showView("map");
  if (!searching.question && !notice.isProblem($("notice"))) showStart();
}

async function loadJobs() {
  try {
    await jobs.load();
  } catch (error) {
    if (error.isAbsent) views.hide("libraries");
    else throw error;
  }
}

async function learnWhatMayBeDone() {
  await loadSession();
  $("upload").hidden = !may("index");
  $("only-searching").hidden = may("index");
}

async function untilReady() {
  for (;;) {
    try {
      const { model } = await readiness();
      $("model").textContent = model;
      return searching.say("");
    } catch (problem) {
      if (!problem.is?.("loading")) throw problem;
      searching.say(t("search.loading"), { busy: true });
      await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
    }
  }
}

async function startEmpty() {
  known = [];
  await loadJobs().catch(() => {}); // the start says what to do
  searching.say("");
  showStart();
  showView(views.known(new URLSearchParams(location.search).get("view")));
}

// --- what people do

views.addEventListener("chosen", ({ detail: view }) => open(view));
$("library").addEventListener("change", () => { if (views.current === "map") showView("map"); });
jobs.addEventListener("change", () => { $("active-jobs").textContent = jobs.active ? number(jobs.active) : ""; });
jobs.addEventListener("end", () => {
  map.forget();
  refresh();
});
$("file-open").addEventListener("click", () => $("file").click());
$("camera-open").addEventListener("click", () => camera.open());
$("microphone-open").addEventListener("click", () => microphone.open());
$("help-open").addEventListener("click", () => $("help").showModal());
$("file").addEventListener("change", () => {
  const [file] = $("file").files;
  $("file").value = ""; // so that the same file can be chosen again
  if (file) searchWith(file);
});
$("copy-link").addEventListener("click", async () => {
  await navigator.clipboard.writeText(location.href).catch(() => prompt(t("link.copy"), location.href));
  setIcon($("copy-link"), "check");
  setTimeout(() => setIcon($("copy-link"), "link"), COPIED_MS);
});
$("language").append(...Object.entries(LANGUAGES).map(([tag, name]) => new Option(name, tag, false, tag === language)));
$("language").addEventListener("change", () => switchLanguage($("language").value));
takeFiles((files) => (views.current === "libraries" && may("index") ? uploads.send(files) : searchWith(files[0])));
listenForKeys({ player, text: $("text"), results, help: $("help") });
addEventListener("popstate", () => readAddress());
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });

$("change-key").addEventListener("click", async () => {
  await closeSession().catch(() => {}); // what is wrong is seen when the page asks again
  location.reload();
});

try {
  await learnWhatMayBeDone();
  await untilReady();
  await loadLibraries();
  await loadJobs();
  await readAddress();
} catch (error) {
  if (error.is?.("no-store")) await startEmpty();
  else searching.fail(error);
}
document.documentElement.dataset.state = "ready";
