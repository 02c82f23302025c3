import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { encodeNiftiGz } from '../../files/nifti_write.js';
import { yieldToEvents } from '../../host/abort.js';
import { startProgress } from '../../host/progress.js';
import { fold, Random } from '../../tree/random.js';
import type { Split, View } from '../study.js';
import { checkConfig, LICENSE, placePhantoms, STAMP, stampOf, type PhantomConfig } from './dataset.js';
import { renderFrame } from './render.js';
import { phantomStudy, type PhantomStudy } from './study.js';
import { phantomSplits } from './tables.js';
import { phantomMasks } from './targets.js';
import { biplaneVolumeAt, twoChamberView } from './two_chamber.js';
import { FIELD_MM, pixelMm } from './view.js';

const KIND = 'phantom-camus';

/** Changes whenever the same config would give other bytes. */
const RECIPE = 1;

const README = `Phantom echocardiograms in the NIfTI layout of CAMUS

Every picture, mask and label in this folder is synthetic: drawn by the GEMMA 3NCORE project from random numbers.
No patient, no device and no part of any other data set is in it; sex, age and image quality are random numbers as well.
EF (%) is that of the drawn body, whose discs are ellipses as wide as its 2CH and 4CH outlines. A picture is ${FIELD_MM} mm
wide and high. A result on phantoms shows that a method runs, not how it does on patients.
For research only; not for clinical use.
`;

/** A phantom patient in both views. */
interface Patient {
  /** `patient0001`. */
  readonly name: string;
  readonly views: Readonly<Record<View, PhantomStudy>>;
  readonly EF: number;
}

/** The patient of a seed and a 0-based index, and the volumes (mL) of the body that both views bound. */
export function phantomPatient(seed: number, index: number, size: number): Patient & { EDV: number; ESV: number } {
  const fourChamber = phantomStudy(seed, index, size);
  const twoChamber = twoChamberView(fourChamber);
  const EDV = biplaneVolumeAt(fourChamber, twoChamber, fourChamber.edFrame);
  const ESV = biplaneVolumeAt(fourChamber, twoChamber, fourChamber.esFrame);
  return {
    name: `patient${String(index + 1).padStart(4, '0')}`,
    views: { '2CH': twoChamber, '4CH': fourChamber },
    ...{ EDV, ESV, EF: (100 * (EDV - ESV)) / EDV },
  };
}

/** `Info_<view>.cfg`: frames count from 1 in the half sequence, which may run from end-systole to end-diastole. */
function infoText({ views, EF }: Patient, view: View): string {
  const { edFrame, esFrame, fps, key } = views[view];
  const first = Math.min(edFrame, esFrame);
  const person = new Random(fold(views['4CH'].key, 'person'));
  const fields = {
    ED: edFrame - first + 1,
    ES: esFrame - first + 1,
    NbFrame: Math.abs(edFrame - esFrame) + 1,
    Sex: person.uniform() < 0.5 ? 'F' : 'M',
    Age: 20 + person.integer(70),
    ImageQuality: ['Good', 'Medium', 'Poor'][new Random(fold(key, 'quality')).integer(3)] as string,
    EF: EF.toFixed(2),
    FrameRate: fps.toFixed(1),
  };
  return Object.entries(fields)
    .map(([name, value]) => `${name}: ${value}\n`)
    .join('');
}

async function writeView(folder: string, patient: Patient, view: View): Promise<void> {
  const study = patient.views[view];
  const { size, edFrame, esFrame } = study;
  const spacing = [pixelMm(size), pixelMm(size)] as const;
  const write = (what: string, shape: readonly number[], values: Uint8Array): Promise<void> =>
    writeFile(join(folder, `${patient.name}_${view}_${what}.nii.gz`), encodeNiftiGz({ shape, spacing, values }));
  const first = Math.min(edFrame, esFrame);
  const frames = Array.from({ length: Math.abs(edFrame - esFrame) + 1 }, (_, i) => renderFrame(study, first + i));
  for (const [phase, t] of [
    ['ED', edFrame],
    ['ES', esFrame],
  ] as const) {
    await write(phase, [size, size], frames[t - first] as Uint8Array);
    await write(`${phase}_gt`, [size, size], phantomMasks(study, t, size));
  }
  await write('half_sequence', [size, size, frames.length], Buffer.concat(frames));
  await writeFile(join(folder, `Info_${view}.cfg`), infoText(patient, view));
}

async function writeSplits(folder: string, names: readonly string[], splits: readonly Split[]): Promise<void> {
  await mkdir(folder);
  for (const [name, split] of [
    ['training', 'TRAIN'],
    ['validation', 'VAL'],
    ['testing', 'TEST'],
  ] as const) {
    const lines = names.filter((_, i) => splits[i] === split).map((patient) => `${patient}\n`);
    await writeFile(join(folder, `subgroup_${name}.txt`), lines.join(''));
  }
}

async function writeAll(folder: string, config: PhantomConfig, signal: AbortSignal | undefined): Promise<void> {
  const { seed, size, studies, split } = config;
  const progress = startProgress('phantoms', studies);
  const names: string[] = [];
  for (let index = 0; index < studies; index++) {
    await yieldToEvents(signal);
    const patient = phantomPatient(seed, index, size);
    const own = join(folder, 'database_nifti', patient.name);
    await mkdir(own, { recursive: true });
    await writeView(own, patient, '2CH');
    await writeView(own, patient, '4CH');
    names.push(patient.name);
    progress.advance();
  }
  progress.end();
  await writeSplits(join(folder, 'database_split'), names, phantomSplits(seed, studies, split));
  await writeFile(join(folder, 'README.txt'), README);
  await writeFile(join(folder, 'LICENSE'), LICENSE);
  await writeFile(join(folder, STAMP), stampOf(config, KIND, RECIPE));
}

/**
 * Writes phantom patients (`config.studies` of them, 2CH and 4CH) at `root` in the NIfTI layout of CAMUS; the same config
 * gives the same bytes. They appear when they are whole; phantoms of the same config that stand there are kept, those of
 * another are replaced.
 * @throws BadInput when `root` cannot be written or holds something else; the signal's reason once it is aborted.
 */
export async function writePhantomCamus(
  root: string,
  config: PhantomConfig,
  { signal }: { signal?: AbortSignal | undefined } = {},
): Promise<void> {
  checkConfig(config);
  const stamp = stampOf(config, KIND, RECIPE);
  await placePhantoms(resolve(root), stamp, (folder) => writeAll(folder, config, signal), signal);
}
