import { escapeHtml } from '../host/escape.js';
import { font, ink } from './look.js';
import { researchOnly } from './wording.js';

/** A trace, a layout or a part of one, as the Plotly schema has it. */
export type PlotlyObject = Readonly<Record<string, unknown>>;

/** A Plotly figure with its size in pixels. Text from data in `data` and `layout` is escaped by who puts it there. */
export interface Figure {
  /** Of its file. */
  readonly name: string;
  /** As plain text. */
  readonly title: string;
  readonly width: number;
  readonly height: number;
  readonly data: readonly PlotlyObject[];
  readonly layout: PlotlyObject;
}

/** What a figure is made from; everything else is the common look. */
export interface FigureParts {
  readonly name: string;
  readonly title: string;
  readonly data: readonly PlotlyObject[];
  readonly layout: PlotlyObject & { readonly annotations?: readonly PlotlyObject[] };
  readonly width?: number;
  readonly height?: number;
  /** Pixels from the axes to the picture's edge; top and bottom without title and footnotes. */
  readonly margin?: Partial<Record<'left' | 'right' | 'top' | 'bottom', number>>;
  /** Sentences below the figure, e.g. the stamps of a run; "For research only" always stands there. */
  readonly notes?: readonly string[];
}

const titleHeight = 44;
const noteSize = 10;
const noteHeight = 15;

/** Breaks a sentence into lines that fit a width at the size of the notes. */
function wrapped(sentence: string, width: number): string[] {
  const perLine = Math.floor(width / (0.6 * noteSize));
  return sentence.split(' ').reduce<string[]>((lines, word) => {
    const line = lines.at(-1);
    if (line === undefined || line.length + word.length >= perLine) return [...lines, word];
    return [...lines.slice(0, -1), `${line} ${word}`];
  }, []);
}

/** A figure in the common look: white, readable, one palette, title above, notes below. */
export function figure(parts: FigureParts): Figure {
  const { name, title, data, layout, width = 720, height = 460, margin = {}, notes = [] } = parts;
  const { left = 70, right = 24, top = 34, bottom = 58 } = margin;
  const lines = [researchOnly, ...notes].flatMap((note) => wrapped(note, width - 32));
  const footer = lines.length * noteHeight + 10;
  const note = {
    ...{ xref: 'paper', x: 0, xanchor: 'left', xshift: 14 - left, yref: 'paper', y: 0, yanchor: 'bottom' },
    ...{ yshift: -(bottom + footer) + 4, showarrow: false, align: 'left', borderpad: 0 },
    font: { size: noteSize, color: ink.quiet },
    text: lines.map(escapeHtml).join('<br>'),
  };
  const complete = {
    font: { family: font, size: 13, color: ink.text },
    title: {
      text: escapeHtml(title),
      ...{ x: 0, xref: 'container', xanchor: 'left', y: 1, yref: 'container', yanchor: 'top', pad: { l: 14, t: 14 } },
      font: { size: 16 },
    },
    ...{ paper_bgcolor: 'white', plot_bgcolor: 'white', hovermode: 'closest', autosize: false, bargap: 0.35 },
    hoverlabel: { namelength: -1 },
    legend: { orientation: 'h', x: 0, xanchor: 'left', y: 1.01, yanchor: 'bottom', font: { size: 12 } },
    ...layout,
    margin: { l: left, r: right, t: titleHeight + top, b: bottom + footer, autoexpand: false },
    ...{ width, height: height + footer },
    annotations: [...(layout.annotations ?? []), note],
  };
  return { name, title, width, height: height + footer, data, layout: complete };
}

/** A quantitative axis in the common look; `title` names the quantity and its unit. */
export function axis(title: string, options: PlotlyObject = {}): PlotlyObject {
  return {
    title: { text: title, standoff: 10, font: { size: 13 } },
    ...{ showline: true, linecolor: ink.axis, ticks: 'outside', tickcolor: ink.axis, ticklen: 5 },
    ...{ gridcolor: ink.grid, zeroline: false, automargin: false, tickfont: { size: 12 } },
    hoverformat: '.4~g',
    ...options,
  };
}
