// How sure the service is of a match, in a word and four bars. The raw cosine stays beside it for those who compare.

import { number, t } from "./i18n.js";

// "good" begins where the API's good_match does; there is a test for that.
const LEVELS = [[0.75, "strong"], [0.5, "good"], [0.25, "fair"], [0, "weak"]];

export function showConfidence(box, { confidence, score }) {
  const word = box.querySelector(".word");
  const meter = box.querySelector(".meter");
  box.querySelector(".figure").textContent = score.toFixed(2);
  const isKnown = confidence !== undefined && confidence !== null;
  word.hidden = meter.hidden = !isKnown;
  if (!isKnown) {
    box.title = t("score.cosine", { cosine: score.toFixed(3) });
    return;
  }
  const at = LEVELS.findIndex(([least]) => confidence >= least);
  const level = LEVELS[at < 0 ? LEVELS.length - 1 : at][1];
  word.textContent = t(`confidence.${level}`);
  meter.dataset.level = level;
  box.title = t("score.explained", { percent: number(Math.round(confidence * 100)), cosine: score.toFixed(3) });
}
