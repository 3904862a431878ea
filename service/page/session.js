// What this page may do: as much as its key, or everything where the server needs none.

import { session } from "./api.js";

const SCOPES = ["search", "index", "admin"]; // each includes those before it
let held = null; // the scope; null before it is known

// Throws a Problem: with status 401 if a key is needed and none that stands is held.
export async function loadSession() { held = (await session()).scope; }

export const may = (scope) => SCOPES.indexOf(held) >= SCOPES.indexOf(scope);
