// Sounds that were marked, kept in this browser alone, as the search gave them: so they can be listed and played again.

import { Kept } from "./kept.js";

export const favourites = new Kept("sonoglot.favourites", { idOf: (hit) => hit.clip_id, most: 500 });

export function toggleFavourite(hit) {
  if (favourites.has(hit.clip_id)) favourites.remove(hit.clip_id);
  else favourites.add(hit);
}
