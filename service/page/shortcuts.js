// Keys that work anywhere on the page; those of a row are in results.js, those of the map in map.js.

export function listenForKeys({ player, text, results, help }) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const isTyping = event.target.closest("input, select, textarea");
    if (event.key === "Escape") {
      results.regions.clear();
      player.stop();
    } else if (event.key === "ArrowDown" && event.target === text && results.count) {
      event.preventDefault();
      results.focus(0);
    } else if (isTyping || event.defaultPrevented) return;
    else if (event.key === "/" && text.checkVisibility()) {
      event.preventDefault();
      text.focus();
      text.select();
    } else if (event.key === "?") help.showModal();
    else if (event.key === "ArrowDown" && event.target === document.body) results.focus(0);
  });
}
