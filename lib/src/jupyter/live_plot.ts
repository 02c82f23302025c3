import { monotonicMs } from '../host/clock.js';
import { LiveOutput } from './display.js';
import { kernelPort } from './kernel.js';
import { lineChartSvg, type ChartOptions } from './line_chart.js';

/** Time between two redraws. */
const redrawMs = 500;

interface Curve {
  readonly name: string;
  readonly x: number[];
  readonly y: number[];
}

/** Curves that grow while work runs (losses), as one SVG picture that is replaced in the notebook's output. */
export class LivePlot {
  private readonly output = new LiveOutput();
  private readonly curves = new Map<string, Curve>();
  private drawn = -Infinity;

  constructor(private readonly options: ChartOptions) {}

  /** Adds a point; may be called as often as wished, the picture is redrawn twice a second at most. */
  add(name: string, x: number, y: number): void {
    const curve = this.curves.get(name) ?? { name, x: [], y: [] };
    this.curves.set(name, curve);
    curve.x.push(x);
    curve.y.push(y);
    if (monotonicMs() - this.drawn >= redrawMs) this.draw();
  }

  /** Draws the last state. */
  end(): void {
    this.draw();
  }

  private draw(): void {
    this.drawn = monotonicMs();
    if (kernelPort() === undefined || this.curves.size === 0) return;
    const curves = [...this.curves.values()];
    const last = curves.map(({ name, y }) => `${name} ${y.at(-1)?.toPrecision(4)}`).join(', ');
    const svg = lineChartSvg(curves, this.options);
    this.output.set({ 'image/svg+xml': svg, 'text/plain': `${this.options.title}: ${last}` });
  }
}
