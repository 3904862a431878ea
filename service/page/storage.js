// What the browser keeps for the page, by key. Where it refuses (its owner blocks site data, or its room is full), the page
// holds it for as long as it is open.

const held = new Map(Object.entries(history.state ?? {}));
history.replaceState(null, "");

export function read(key) {
  if (held.has(key)) return held.get(key);
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

export function write(key, value) {
  try {
    localStorage.setItem(key, value);
    held.delete(key);
  } catch {
    held.set(key, value);
  }
}

// Loads the page anew, with what it holds.
export function reload() {
  history.replaceState(Object.fromEntries(held), "");
  location.reload();
}
