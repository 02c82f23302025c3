import { escapeHtml } from '../host/escape.js';

/** Points of one curve, x ascending. */
export interface Series {
  readonly name: string;
  readonly x: readonly number[];
  readonly y: readonly number[];
}

export interface ChartOptions {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  /** Logarithmic y axis; values that are not positive are left out. */
  readonly logY?: boolean;
}

/** Okabe and Ito's colours, which people with colour-vision deficiency can tell apart. */
const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000'];
const width = 640;
const height = 320;
const plot = { left: 68, right: width - 16, top: 58, bottom: height - 46 };
const tickCount = 5;
/** More points than pixels show nothing and make each update heavier. */
const maxPoints = 600;

interface Axis {
  readonly ticks: readonly number[];
  readonly position: (value: number) => number;
}

/** Round numbers (1, 2, 5 · 10^k) that cover the range. */
export function niceTicks(min: number, max: number, count = tickCount): number[] {
  const rough = (max - min) / count;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => factor * magnitude >= rough) ?? 10) * magnitude;
  const first = Math.ceil(min / step - 1e-9);
  const last = Math.floor(max / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** Powers of ten in the range; where it holds fewer than two, round numbers. */
function logTicks(min: number, max: number): number[] {
  const first = Math.ceil(Math.log10(min) - 1e-9);
  const last = Math.floor(Math.log10(max) + 1e-9);
  if (last - first < 1) return niceTicks(min, max).filter((tick) => tick > 0);
  const stride = Math.ceil((last - first + 1) / 7);
  return Array.from({ length: Math.floor((last - first) / stride) + 1 }, (_, i) => 10 ** (first + i * stride));
}

/** A range with some room, also for a single value or none. */
function range(values: readonly number[], log: boolean): [number, number] {
  let [min, max] = [Infinity, -Infinity];
  for (const value of values) {
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  if (min > max) return log ? [0.1, 1] : [0, 1];
  if (min < max) return [min, max];
  return log ? [min / 2, max * 2] : [min - (Math.abs(min) || 1) / 2, max + (Math.abs(max) || 1) / 2];
}

function axis(values: readonly number[], from: number, to: number, log = false): Axis {
  const [min, max] = range(values, log);
  const scale = log ? Math.log10 : (value: number): number => value;
  const [low, high] = [scale(min), scale(max)];
  return {
    ticks: log ? logTicks(min, max) : niceTicks(min, max),
    position: (value) => from + ((scale(value) - low) / (high - low)) * (to - from),
  };
}

function tickText(value: number): string {
  const size = Math.abs(value);
  if (value !== 0 && (size >= 1e5 || size < 1e-3)) return value.toExponential(0);
  return String(Number(value.toPrecision(6)));
}

/** SVG path of a curve; points that cannot be drawn leave a gap. */
function pathOf(series: Series, drawn: (x: number, y: number) => boolean, x: Axis, y: Axis): string {
  const stride = Math.max(1, Math.ceil(series.x.length / maxPoints));
  let command = 'M';
  let path = '';
  series.x.forEach((xi, i) => {
    if (i % stride !== 0 && i !== series.x.length - 1) return;
    const yi = series.y[i] ?? NaN;
    if (!drawn(xi, yi)) {
      command = 'M';
      return;
    }
    path += `${command}${x.position(xi).toFixed(1)} ${y.position(yi).toFixed(1)}`;
    command = 'L';
  });
  return path;
}

function label(x: number, y: number, content: string, attributes = ''): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${escapeHtml(content)}</text>`;
}

function grid(x: Axis, y: Axis): string {
  const vertical = x.ticks.map((tick) => {
    const at = x.position(tick);
    const line = `<path d="M${at.toFixed(1)} ${plot.bottom}V${plot.bottom + 4}" stroke="#333"/>`;
    return line + label(at, plot.bottom + 17, tickText(tick), 'text-anchor="middle"');
  });
  const horizontal = y.ticks.map((tick) => {
    const at = y.position(tick);
    const line = `<path d="M${plot.left} ${at.toFixed(1)}H${plot.right}" stroke="#e3e3e3"/>`;
    return line + label(plot.left - 6, at + 4, tickText(tick), 'text-anchor="end"');
  });
  const frame = `<path d="M${plot.left} ${plot.top}V${plot.bottom}H${plot.right}" stroke="#333" fill="none"/>`;
  return [...horizontal, ...vertical, frame].join('');
}

function legend(series: readonly Series[]): string {
  let left = plot.left;
  return series
    .map(({ name }, i) => {
      const at = left;
      left += 34 + 7 * name.length;
      const line = `<path d="M${at} 40h18" stroke="${colours[i % colours.length]}" stroke-width="3"/>`;
      return line + label(at + 23, 44, name);
    })
    .join('');
}

/** Curves as a stand-alone SVG picture. */
export function lineChartSvg(series: readonly Series[], options: ChartOptions): string {
  const log = options.logY === true;
  const drawn = (x: number, y: number): boolean => Number.isFinite(x) && Number.isFinite(y) && (!log || y > 0);
  const points = series.flatMap((curve) => curve.x.map((x, i) => [x, curve.y[i] ?? NaN] as const));
  const shown = points.filter(([x, y]) => drawn(x, y));
  const x = axis(
    shown.map((point) => point[0]),
    plot.left,
    plot.right,
  );
  const y = axis(
    shown.map((point) => point[1]),
    plot.bottom,
    plot.top,
    log,
  );
  const curves = series.map(
    (curve, i) =>
      `<path d="${pathOf(curve, drawn, x, y)}" fill="none" stroke="${colours[i % colours.length]}" stroke-width="1.6" stroke-linecap="round"/>`,
  );
  const middle = (plot.top + plot.bottom) / 2;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"`,
    ` font-family="sans-serif" font-size="12" role="img" aria-label="${escapeHtml(options.title)}">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    label(plot.left, 22, options.title, 'font-size="14" font-weight="bold"'),
    legend(series),
    grid(x, y),
    ...curves,
    label((plot.left + plot.right) / 2, height - 8, options.xLabel, 'text-anchor="middle"'),
    label(14, middle, options.yLabel, `text-anchor="middle" transform="rotate(-90 14 ${middle})"`),
    '</svg>',
  ].join('');
}
