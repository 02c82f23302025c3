import { createCanvas, type SKRSContext2D } from '@napi-rs/canvas';
import type { GreyImage } from '../../files/image.js';
import { escapeHtml } from '../../host/escape.js';
import { printable } from '../../host/text.js';
import { font, ink } from '../look.js';
import { researchOnly } from '../wording.js';

/** The two frames of a study. */
export interface StudyFrames {
  readonly study: string;
  readonly ED: GreyImage;
  readonly ES: GreyImage;
  /** A second line, e.g. volumes and frame numbers. */
  readonly caption?: string;
}

/** A picture for a notebook output and for a file. */
export interface Picture {
  readonly name: string;
  readonly title: string;
  readonly png: Uint8Array;
  /** The picture with its title and captions as text. */
  readonly html: string;
}

const gap = 6;
const captionHeight = 38;
const headHeight = 36;
/** Room for a title and the notes. */
const leastWidth = 580;

/** Draws a grey image enlarged to `side` pixels of height, without inventing detail. */
function drawGrey(context: SKRSContext2D, image: GreyImage, x: number, y: number, side: number): void {
  const small = createCanvas(image.width, image.height);
  const target = small.getContext('2d');
  const pixels = target.createImageData(image.width, image.height);
  image.data.forEach((value, i) => pixels.data.set([value, value, value, 255], 4 * i));
  target.putImageData(pixels, 0, 0);
  const scale = side / Math.max(image.width, image.height);
  const [width, height] = [image.width * scale, image.height * scale];
  context.imageSmoothingEnabled = scale < 1;
  context.drawImage(small, x + (side - width) / 2, y + (side - height) / 2, width, height);
}

/** The text, shortened until it fits. */
function fitted(context: SKRSContext2D, text: string, width: number): string {
  if (context.measureText(text).width <= width) return text;
  let kept = text.slice(0, 80);
  while (kept.length > 1 && context.measureText(`${kept}…`).width > width) kept = kept.slice(0, -1);
  return `${kept}…`;
}

function drawPair(context: SKRSContext2D, pair: StudyFrames, x: number, y: number, side: number): void {
  context.fillStyle = 'black';
  context.fillRect(x, y, 2 * side + 2, side);
  drawGrey(context, pair.ED, x, y, side);
  drawGrey(context, pair.ES, x + side + 2, y, side);
  context.font = `bold 12px ${font}`;
  context.fillStyle = 'white';
  context.fillText('ED', x + 5, y + 15);
  context.fillText('ES', x + side + 7, y + 15);
  context.font = `12px ${font}`;
  context.fillStyle = ink.text;
  context.fillText(fitted(context, printable(pair.study), 2 * side), x, y + side + 15);
  context.font = `11px ${font}`;
  context.fillStyle = ink.quiet;
  context.fillText(fitted(context, printable(pair.caption ?? '', 200), 2 * side), x, y + side + 31);
}

/** ED and ES frames of studies side by side with their names, as a PNG and as HTML around it. */
export function frameMontage(
  pairs: readonly StudyFrames[],
  title: string,
  options: { readonly side?: number; readonly columns?: number; readonly notes?: readonly string[] } = {},
): Picture {
  const { side = 192, columns = 3, notes = [] } = options;
  const [cell, row] = [2 * side + 2 + 2 * gap, side + captionHeight + gap];
  const lines = [researchOnly, ...notes];
  const width = 2 * gap + Math.max(Math.min(columns, pairs.length) * cell, leastWidth);
  const height = headHeight + Math.ceil(pairs.length / columns) * row + 16 * lines.length + 2 * gap;
  const canvas = createCanvas(width, height);
  const context = canvas.getContext('2d');
  context.fillStyle = 'white';
  context.fillRect(0, 0, width, height);
  context.fillStyle = ink.text;
  context.font = `16px ${font}`;
  context.fillText(fitted(context, printable(title), width - 4 * gap), 2 * gap, 24);
  pairs.forEach((pair, i) => {
    drawPair(context, pair, 2 * gap + (i % columns) * cell, headHeight + Math.floor(i / columns) * row, side);
  });
  context.font = `10px ${font}`;
  context.fillStyle = ink.quiet;
  lines.forEach((line, i) => context.fillText(line, 2 * gap, height - gap - 16 * (lines.length - 1 - i)));
  const png = canvas.toBuffer('image/png');
  const captions = pairs.map(({ study, caption }) =>
    escapeHtml(caption === undefined ? study : `${study}: ${caption}`),
  );
  const html =
    `<figure><img src="data:image/png;base64,${png.toString('base64')}" width="${width}" height="${height}" ` +
    `alt="${escapeHtml(title)}"><figcaption><details><summary>${pairs.length} studies</summary>` +
    `${captions.join('<br>')}</details></figcaption></figure>`;
  return { name: 'frames', title, png, html };
}
