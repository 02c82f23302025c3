import { escapeHtml } from '../../host/escape.js';
import { printable } from '../../host/text.js';
import { axis, figure, type Figure, type PlotlyObject } from '../figure.js';
import { formatSignificant } from '../numbers.js';
import { ink, palette } from '../look.js';

/** A found pair of frames and the curve in which it was found. */
export interface CycleCurve {
  /** The clip's name. */
  readonly clip: string;
  readonly fps: number;
  readonly edFrame: number;
  readonly esFrame: number;
  /** 0 … 1. */
  readonly confidence: number;
  readonly sure: boolean;
  /** Apparent size of the cavity in each frame, 0 … 1. */
  readonly curve: readonly number[];
}

/** How large the cavity looks in each frame of a clip, with ED and ES marked; the frames themselves go in a montage. */
export function cycleFigure(found: CycleCurve, notes: readonly string[] = []): Figure {
  const { clip, fps, edFrame, esFrame, confidence, sure, curve } = found;
  const mark = (label: string, frame: number, color: string, symbol: string): PlotlyObject => ({
    ...{ type: 'scatter', mode: 'markers', name: `${label}, frame ${frame}`, x: [frame], y: [curve[frame]] },
    marker: { color, symbol, size: 12, line: { color: 'white', width: 1 } },
  });
  const name = printable(clip);
  const verdict = sure ? 'sure' : 'not sure: look at the frames';
  return figure({
    name: 'cycle',
    title: `ED and ES found in ${name}`,
    data: [
      {
        ...{ type: 'scatter', mode: 'lines', name: 'apparent size', x: curve.map((_, t) => t), y: curve },
        line: { color: ink.axis, width: 2 },
        text: curve.map((_, t) => escapeHtml(`${name}, ${(t / fps).toFixed(2)} s`)),
      },
      mark('ED', edFrame, palette.blue, 'triangle-up'),
      mark('ES', esFrame, palette.vermillion, 'triangle-down'),
    ],
    layout: {
      xaxis: axis(`frame (${formatSignificant(fps)} a second)`, { range: [-1, curve.length] }),
      yaxis: axis('cavity: 0 smallest, 1 largest', { range: [-0.08, 1.08] }),
    },
    height: 340,
    notes: [
      `Confidence ${confidence.toFixed(2)}: ${verdict}. The curve is a motion of the picture, not a volume.`,
      ...notes,
    ],
  });
}
