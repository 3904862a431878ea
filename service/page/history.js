// Recent searches, kept in this browser alone. Only those with an address: a picture or a recording is not kept.

import { describe, isLinkable, toAddress } from "./question.js";
import { Kept } from "./kept.js";

export const searches = new Kept("sonoglot.history", { idOf: (item) => item.address, most: 100 });

export function rememberSearch(question) {
  if (!isLinkable(question)) return;
  searches.add({ address: `?${toAddress(question)}`, label: describe(question), at: new Date().toISOString() });
}
