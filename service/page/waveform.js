// A clip drawn as bars: the parts that matched and the region a person chose behind them, the part played in colour.

const BAR_PX = 2;
const GAP_PX = 1.5;
const LESSER = 0.45; // how strongly the second and third match are drawn, of the first

function colours() {
  const style = getComputedStyle(document.documentElement);
  const get = (name) => style.getPropertyValue(name).trim();
  return { wave: get("--wave"), matched: get("--wave-matched"), played: get("--accent"), segment: get("--segment"), region: get("--region") };
}

// view: {peaks: number[] | null, durationS, matches: [{startS, endS}], region: {startS, endS} | null, timeS | null};
// peaks are 0..1, any number of them.
export function draw(canvas, view) {
  const scale = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  if (!width) return;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const context = canvas.getContext("2d");
  context.scale(scale, scale);
  const colour = colours();
  const toX = (seconds) => (seconds / view.durationS) * width;

  const box = ({ startS, endS }) => {
    const left = toX(startS);
    context.beginPath();
    context.roundRect(left, 0, Math.max(4, toX(endS) - left), height, 6);
  };
  context.fillStyle = colour.segment;
  [...view.matches].reverse().forEach((match, fromLast) => {
    context.globalAlpha = fromLast === view.matches.length - 1 ? 1 : LESSER;
    box(match);
    context.fill();
  });
  context.globalAlpha = 1;
  if (view.region) {
    box(view.region);
    context.fillStyle = colour.region;
    context.fill();
    context.strokeStyle = colour.played;
    context.lineWidth = 1.5;
    context.stroke();
  }

  const bars = Math.max(1, Math.floor(width / (BAR_PX + GAP_PX)));
  const playedX = view.timeS === null ? -1 : toX(view.timeS);
  const isMatched = (x) => view.matches.some(({ startS, endS }) => x >= toX(startS) && x <= toX(endS));
  for (let bar = 0; bar < bars; bar += 1) {
    const x = bar * (BAR_PX + GAP_PX);
    const loud = view.peaks ? peakOf(view.peaks, bar / bars, (bar + 1) / bars) : 0;
    const tall = Math.max(2, loud * (height - 6));
    context.fillStyle = x <= playedX ? colour.played : isMatched(x) ? colour.matched : colour.wave;
    context.beginPath();
    context.roundRect(x, (height - tall) / 2, BAR_PX, tall, 1);
    context.fill();
  }
  if (playedX >= 0) {
    context.fillStyle = colour.played;
    context.fillRect(Math.min(playedX, width - 1.5), 0, 1.5, height);
  }
}

function peakOf(peaks, from, to) {
  const first = Math.floor(from * peaks.length);
  const last = Math.max(first + 1, Math.floor(to * peaks.length));
  return Math.max(...peaks.slice(first, last));
}
