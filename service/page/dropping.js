// Files that are dropped or pasted anywhere on the page.

const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
const dropping = (isOn) => document.body.classList.toggle("dropping", isOn);

// onFiles(files): what came.
export function takeFiles(onFiles) {
  document.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    dropping(true);
  });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) dropping(false); });
  document.addEventListener("drop", (event) => {
    dropping(false);
    if (!hasFiles(event)) return;
    event.preventDefault();
    take([...event.dataTransfer.files]);
  });
  document.addEventListener("paste", (event) => {
    if (!event.clipboardData.files.length) return;
    event.preventDefault();
    take([...event.clipboardData.files]);
  });
  const take = (files) => { if (files.length) onFiles(files); };
}

const SOUND_NAMES = /\.(wav|flac|mp3|og[ga]|opus|m4a|aac|aiff?|w64|caf|wma|webm)$/i;

// An example for a question; null if the file is neither a picture nor a sound.
export function exampleOf(file) {
  if (file.type.startsWith("image/")) return { kind: "image", file };
  if (file.type.startsWith("audio/") || SOUND_NAMES.test(file.name)) return { kind: "audio", file };
  return null;
}
