// A clip drawn as bars, with the segment that matched behind them and the part already played in colour.

const BAR_PX = 2;
const GAP_PX = 1.5;

function colours() {
  const style = getComputedStyle(document.documentElement);
  const get = (name) => style.getPropertyValue(name).trim();
  return { wave: get("--wave"), played: get("--accent"), segment: get("--segment") };
}

// view: {peaks: number[] | null, durationS, startS, endS, timeS | null}; peaks are 0..1, any number of them.
export function draw(canvas, view) {
  const scale = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  if (!width) return;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const context = canvas.getContext("2d");
  context.scale(scale, scale);
  const { wave, played, segment } = colours();
  const toX = (seconds) => (seconds / view.durationS) * width;

  const left = toX(view.startS);
  if (view.endS - view.startS < view.durationS * 0.98) {
    context.fillStyle = segment;
    context.beginPath();
    context.roundRect(left, 0, Math.max(4, toX(view.endS) - left), height, 6);
    context.fill();
  }

  const bars = Math.max(1, Math.floor(width / (BAR_PX + GAP_PX)));
  const playedX = view.timeS === null ? -1 : toX(view.timeS);
  for (let bar = 0; bar < bars; bar += 1) {
    const x = bar * (BAR_PX + GAP_PX);
    const loud = view.peaks ? peakOf(view.peaks, bar / bars, (bar + 1) / bars) : 0;
    const tall = Math.max(2, loud * (height - 6));
    context.fillStyle = x <= playedX ? played : wave;
    context.beginPath();
    context.roundRect(x, (height - tall) / 2, BAR_PX, tall, 1);
    context.fill();
  }
  if (playedX >= 0) {
    context.fillStyle = played;
    context.fillRect(Math.min(playedX, width - 1.5), 0, 1.5, height);
  }
}

function peakOf(peaks, from, to) {
  const first = Math.floor(from * peaks.length);
  const last = Math.max(first + 1, Math.floor(to * peaks.length));
  return Math.max(...peaks.slice(first, last));
}
