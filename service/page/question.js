// A question: words, words to stay away from, an example, and filters; and how it stands in an address or a request.
//
// {text, without: [text], example: null | {kind: "image" | "audio", file} | {kind: "clip", clipId, name?, startS?, endS?},
//  filters: {library?, tags: [text], licence?, category?, minS?, maxS?}}

import { range } from "./format.js";
import { t } from "./i18n.js";

const PAGE = 20;

export const empty = () => ({ text: "", without: [], example: null, filters: { tags: [] } });
export const isEmpty = (question) => !question.text && !question.example;
export const isLinkable = (question) => !isEmpty(question) && !question.example?.file;
export const part = (hit, name, { startS, endS }) => ({ kind: "clip", clipId: hit.clip_id, name, startS, endS });

export function toAddress({ text, without, example, filters }) {
  const address = new URLSearchParams();
  const put = (name, value) => { if (value !== undefined && value !== null && value !== "") address.append(name, value); };
  put("q", text);
  without.forEach((word) => put("without", word));
  if (example?.kind === "clip") {
    put("like", example.clipId);
    put("from", example.startS);
    put("to", example.endS);
  }
  put("library", filters.library);
  filters.tags.forEach((tag) => put("tag", tag));
  put("licence", filters.licence);
  put("category", filters.category);
  put("min", filters.minS);
  put("max", filters.maxS);
  return address;
}

export function fromAddress(address) {
  const seconds = (name) => {
    const value = Number.parseFloat(address.get(name));
    return Number.isFinite(value) && value >= 0 ? value : undefined;
  };
  const like = address.get("like");
  const [startS, endS] = [seconds("from"), seconds("to")];
  const region = startS < endS ? { startS, endS } : {}; // one without the other is no part
  return {
    text: (address.get("q") ?? "").trim(),
    without: address.getAll("without"),
    example: like ? { kind: "clip", clipId: like, ...region } : null,
    filters: {
      library: address.get("library") ?? undefined,
      tags: address.getAll("tag"),
      licence: address.get("licence") ?? undefined,
      category: address.get("category") ?? undefined,
      minS: seconds("min"),
      maxS: seconds("max"),
    },
  };
}

const filterFields = ({ library, tags, licence, category, minS, maxS }) => ({
  library: library || undefined,
  tags: tags.length ? tags : undefined,
  licence: licence || undefined,
  category: category || undefined,
  min_duration_s: minS,
  max_duration_s: maxS,
});

// What api.search sends: a form if a file goes with it, otherwise an object.
export function toRequest({ text, without, example, filters }) {
  const fields = { ...filterFields(filters), without: without.length ? without : undefined, k: PAGE };
  if (example?.file) return form({ ...fields, text: text || undefined }, example);
  if (!example) return { ...fields, text };
  const clip = { clip_id: example.clipId, start_s: example.startS, end_s: example.endS };
  return text ? { ...fields, parts: [{ text }, clip] } : { ...fields, ...clip };
}

function form(fields, { kind, file }) {
  const body = new FormData();
  body.append(kind, file, file.name || kind);
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) [value].flat().forEach((one) => body.append(name, one));
  }
  return body;
}

// In a few words, for the title of the window and the list of recent searches.
export function describe({ text, without, example, filters }) {
  const words = [];
  if (text) words.push(text);
  if (example?.file) words.push(example.file.name || t(`example.${example.kind}`));
  if (example?.kind === "clip") words.push(t("example.like", { name: example.name ?? example.clipId }));
  if (example?.startS !== undefined) words.push(range(example));
  without.forEach((word) => words.push(`− ${word}`));
  const { library, tags, licence, category, minS, maxS } = filters;
  words.push(...[category, licence, library].filter(Boolean), ...tags.map((tag) => `#${tag}`));
  if (minS !== undefined) words.push(`≥ ${minS} s`);
  if (maxS !== undefined) words.push(`≤ ${maxS} s`);
  return words.join(" · ");
}
