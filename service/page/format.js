// Numbers and paths as people read them.

export function time(seconds) {
  const tenths = Math.round(seconds * 10);
  const whole = Math.floor(tenths / 10);
  const tail = tenths % 10 && whole < 60 ? `.${tenths % 10}` : "";
  const two = (n) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return (h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`) + tail;
}

export function splitPath(path) {
  const parts = path.split(/[\\/]/);
  const name = parts.pop();
  return { name, folder: parts.join("/") || "/" };
}

export const count = (n, one, many) => `${n.toLocaleString()} ${n === 1 ? one : many}`;
