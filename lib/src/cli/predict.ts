import { mkdir } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { Command } from 'commander';
import { writeFileAtomic } from '../files/atomic.js';
import { abortOnInterrupt } from '../host/abort.js';
import { utcTimestamp } from '../host/clock.js';
import { BadInput } from '../host/errors.js';
import { warn } from '../host/log.js';
import { printable } from '../host/text.js';
import { predict, type Prediction, type Refusal } from '../predict.js';
import { predictionCurve, predictionMontage } from '../prediction_figures.js';
import { formatNumber } from '../report/numbers.js';
import { renderSvg } from '../report/svg.js';
import { researchOnly } from '../report/wording.js';
import { wholeNumber } from './experiment_options.js';
import { textTable } from './text_table.js';

interface Options {
  readonly adapter: string;
  readonly ed?: number;
  readonly es?: number;
  readonly unmasked?: boolean;
  readonly json?: boolean;
  readonly out?: string;
}

/** A name of its own for a file's pictures, without extension, that any file system takes. */
function pictureName(file: string, i: number): string {
  const stem = basename(file, extname(file)).replace(/[^\w.-]+/g, '_');
  return `${String(i + 1).padStart(3, '0')}_${stem.slice(0, 80)}`;
}

const oneDecimal = (value: number | null): string => formatNumber(value, 1);

/** Where the pictures of a prediction stand; no curve where the frames were given. */
interface Pictures {
  readonly picture: string;
  readonly curve: string | null;
}

async function writePictures(folder: string, found: Prediction, i: number): Promise<Pictures> {
  const picture = join(folder, `${pictureName(found.file, i)}.png`);
  await writeFileAtomic(picture, predictionMontage(found).png);
  const figure = predictionCurve(found);
  if (figure === undefined) return { picture, curve: null };
  const curve = join(folder, `${pictureName(found.file, i)}.cycle.svg`);
  await writeFileAtomic(curve, await renderSvg(figure));
  return { picture, curve };
}

/** A prediction of the document of `--json`: frames and curve stand in the pictures. */
function toJson(prediction: Prediction, pictures: Pictures): object {
  const { found, ...rest } = prediction;
  const fields = Object.entries(rest).filter(([name]) => name !== 'images' && name !== 'kind');
  const { confidence = null, sure = null } = found ?? {};
  return { ...Object.fromEntries(fields), how: found === null ? 'given' : 'found', confidence, sure, ...pictures };
}

function rowOf(found: Prediction | Refusal): string[] {
  const file = printable(basename(found.file), 60);
  if (found.kind === 'refused') return [file, 'not used'];
  const { edFrame, esFrame, found: cycle, EDV, ESV, EF, EF_from_volumes } = found;
  const trust = cycle === null ? 'given' : `found (${cycle.confidence.toFixed(2)})`;
  return [file, String(edFrame), String(esFrame), trust, ...[EDV, ESV, EF, EF_from_volumes].map(oneDecimal)];
}

const head = ['file', 'ED', 'ES', 'frames', 'EDV (mL)', 'ESV (mL)', 'EF (%)', '(EDV−ESV)/EDV (%)'];

function tellAll(found: readonly (Prediction | Refusal)[]): void {
  for (const result of found) {
    const name = printable(basename(result.file), 60);
    if (result.kind === 'refused') warn(`not used: ${result.reason}`);
    else for (const warning of result.warnings) warn(`${name}: ${warning}`);
  }
}

async function run(files: readonly string[], options: Options): Promise<void> {
  const { adapter, ed, es, unmasked, json, out = join('predictions', utcTimestamp()) } = options;
  if ((ed !== undefined || es !== undefined) && files.length > 1) {
    const fix = 'give one file, or leave the frames to be found';
    throw new BadInput({ where: '--ed and --es', expected: 'one file', got: `${files.length} files`, fix });
  }
  const { signal, release } = abortOnInterrupt();
  try {
    const found = await predict(files, adapter, { ed, es, unmasked, signal });
    const usable = found.filter((result) => result.kind === 'prediction');
    if (usable.length > 0) await mkdir(out, { recursive: true });
    const documents: object[] = [];
    for (const [i, result] of found.entries()) {
      if (result.kind === 'refused') documents.push({ file: result.file, error: result.reason });
      else documents.push(toJson(result, await writePictures(out, result, i)));
    }
    tellAll(found);
    const document = { research_only: researchOnly, adapter, files: documents };
    const pictures = usable.length > 0 ? [`pictures in ${printable(out, 200)}`] : [];
    const text = [textTable([head, ...found.map(rowOf)]), '', ...pictures, researchOnly].join('\n');
    process.stdout.write(`${json === true ? JSON.stringify(document, null, 2) : text}\n`);
    if (usable.length < found.length) process.exitCode = usable.length === 0 ? 2 : 1;
  } finally {
    release();
  }
}

/** `3ncore predict FILE… --adapter DIR`: exit 1 when some files could not be used, 2 when none could. */
export function predictCommand(): Command {
  return new Command('predict')
    .description(
      'EDV, ESV and EF of your own clips (AVI, MP4, MOV, ultrasound DICOM), with the two frames as a picture',
    )
    .argument('<file...>', 'clips, told apart by their content')
    .requiredOption('--adapter <dir>', "an adapter's folder, e.g. runs/latest/adapters/<timestamp>")
    .option('--ed <n>', 'the end-diastolic frame, 0-based (else it is found)', wholeNumber)
    .option('--es <n>', 'the end-systolic frame, 0-based (else it is found)', wholeNumber)
    .option('--unmasked', 'leave the frames as they are: no black outside the ultrasound sector, no cropping')
    .option('--out <dir>', 'the folder of the pictures (default predictions/<timestamp>)')
    .option('--json', 'print one JSON document')
    .action(run);
}
