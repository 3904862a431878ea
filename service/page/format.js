// Times and paths as people read them.

export function time(seconds) {
  const tenths = Math.round(seconds * 10);
  const whole = Math.floor(tenths / 10);
  const tail = tenths % 10 && whole < 60 ? `.${tenths % 10}` : "";
  const two = (n) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return (h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`) + tail;
}

// The same whichever way the text around it runs.
export const range = ({ startS, endS }) => `\u2066${time(startS)} – ${time(endS)}\u2069`;

export function splitPath(path) {
  const parts = path.split(/[\\/]/);
  const name = parts.pop();
  return { name, folder: parts.join("/") || "/" };
}

export const nameOf = (clip) => clip.title || splitPath(clip.path).name;
