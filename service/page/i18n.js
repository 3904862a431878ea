// The words of the page in the reader's language: i18n/LANGUAGE.json, each a flat object of the same keys.

import { read, reload, write } from "./storage.js";

export const LANGUAGES = {
  en: "English", ar: "العربية", de: "Deutsch", es: "Español", fr: "Français", hi: "हिन्दी", it: "Italiano",
  ja: "日本語", ko: "한국어", pt: "Português", ru: "Русский", zh: "中文",
};
const RIGHT_TO_LEFT = new Set(["ar"]);
const KEPT = "sonoglot.language";
const ATTRIBUTES = ["aria-label", "title", "placeholder", "alt"];

let strings = {};
let plurals = new Intl.PluralRules("en");
export let language = "en";

// The first of the wanted language tags that there are words for; English if there is none.
export function choose(wanted) {
  const known = wanted.map((tag) => tag.toLowerCase().split("-")[0]).find((base) => base in LANGUAGES);
  return known ?? "en";
}

export async function loadLanguage() {
  const kept = read(KEPT);
  language = choose([...(kept ? [kept] : []), ...navigator.languages]);
  strings = await (await fetch(`i18n/${language}.json`)).json();
  plurals = new Intl.PluralRules(language);
  document.documentElement.lang = language;
  document.documentElement.dir = RIGHT_TO_LEFT.has(language) ? "rtl" : "ltr";
}

// What is asked is in the address, so the page may simply be loaded anew.
export function switchLanguage(chosen) {
  write(KEPT, chosen);
  reload();
}

// Names of files may run the other way than the sentence around them.
const isolated = (value) => (document.documentElement.dir === "rtl" ? `\u2068${value}\u2069` : value);

export function t(key, values = {}) {
  return (strings[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => isolated(values[name]));
}

// A phrase with a number in it, in the form that the language has for that number.
export function tn(key, n, values = {}) {
  const form = `${key}#${plurals.select(n)}`;
  return t(form in strings ? form : `${key}#other`, { n: number(n), ...values });
}

export const number = (n) => n.toLocaleString(language);

// Fills elements with data-t="key", and attributes with data-t-ATTRIBUTE="key", in templates too.
export function translate(root) {
  for (const element of root.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  for (const name of ATTRIBUTES) {
    for (const element of root.querySelectorAll(`[data-t-${name}]`)) element.setAttribute(name, t(element.getAttribute(`data-t-${name}`)));
  }
  for (const template of root.querySelectorAll("template")) translate(template.content);
}
