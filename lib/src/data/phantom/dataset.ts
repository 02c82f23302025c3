import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { fileError } from '../../files/atomic.js';
import { writeFolderAtomic } from '../../files/atomic_folder.js';
import { yieldToEvents } from '../../host/abort.js';
import { BadInput } from '../../host/errors.js';
import { startProgress } from '../../host/progress.js';
import type { ClipWork } from './clip_worker.js';
import { phantomStudy } from './study.js';
import { fileList, phantomSplits, volumeTracings, type SplitFractions } from './tables.js';
import { FIELD_MM } from './view.js';

/** Which phantoms a data set holds. */
export interface PhantomConfig {
  readonly studies: number;
  readonly seed: number;
  /** Side of the square pictures, pixels. */
  readonly size: number;
  readonly split: SplitFractions;
}

/** Changes whenever the same config would give other bytes. */
const RECIPE = 1;

/** The file that says which phantoms a folder holds. */
export const STAMP = 'phantom.json';

const README = `Phantom echocardiograms in the layout of EchoNet-Dynamic

Every picture, tracing and label in this folder is synthetic: drawn by the GEMMA 3NCORE project from random numbers.
No patient, no device and no part of any other data set is in it. EDV and ESV (mL) are volumes of the drawn
endocardium by the single-plane method of discs, EF (%) follows from them. The picture is ${FIELD_MM} mm wide and high.
A result on phantoms shows that a method runs, not how it does on patients.
For research only; not for clinical use.
`;

export const LICENSE = `These synthetic data may be used under the Apache License, Version 2.0 (https://www.apache.org/licenses/LICENSE-2.0),
as the GEMMA 3NCORE project that makes them. They are provided "AS IS", without warranties or conditions of any kind.
`;

/** The text of the stamp: the same for the same bytes. */
export function stampOf({ studies, seed, size, split }: PhantomConfig, kind = 'phantom', recipe = RECIPE): string {
  const { train, val } = split;
  return `${JSON.stringify({ kind, recipe, studies, seed, size, split: { train, val } }, null, 2)}\n`;
}

/** @throws BadInput when a number makes no sense. */
export function checkConfig({ studies, size, split }: PhantomConfig): void {
  const check = (ok: boolean, where: string, expected: string, got: unknown): void => {
    if (!ok) throw new BadInput({ where: `phantom data set, ${where}`, expected, got: String(got) });
  };
  check(Number.isInteger(studies) && studies > 0, 'studies', 'a whole number above 0', studies);
  check(Number.isInteger(size) && size >= 32, 'size', 'a whole number of pixels from 32', size);
  const { train, val } = split;
  check(train >= 0 && val >= 0 && train + val <= 1, 'split', 'shares of at most 1 together', `${train} and ${val}`);
}

/**
 * The stamp of the phantoms at `target`, null where there is nothing or an empty folder.
 * @throws BadInput where something else stands that must not be replaced.
 */
async function whatStandsAt(target: string): Promise<string | null> {
  try {
    const names = await readdir(target);
    if (names.includes(STAMP)) return await readFile(join(target, STAMP), 'utf8');
    if (names.length === 0) return null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw fileError(error, target, 'a folder to write to');
  }
  const expected = 'no folder, an empty one or one of phantoms';
  throw new BadInput({ where: target, expected, got: 'other files', fix: 'choose another folder' });
}

/** Writes the clips in as many threads as there are processors, so that this one stays free. */
async function writeClips(folder: string, config: PhantomConfig, signal: AbortSignal | undefined): Promise<void> {
  const { seed, size, studies } = config;
  await yieldToEvents(signal);
  const progress = startProgress('phantoms', studies);
  const stride = Math.min(availableParallelism(), Math.ceil(studies / 8));
  const workers: Worker[] = [];
  const finished = (first: number): Promise<void> =>
    new Promise((done, failed) => {
      const workerData: ClipWork = { folder, seed, size, studies, first, stride };
      const worker = new Worker(join(__dirname, 'clip_worker.js'), { workerData });
      workers.push(worker);
      worker.on('message', () => progress.advance());
      worker.on('error', failed);
      worker.on('exit', (code) =>
        code === 0 ? done() : failed(new Error(`a thread that writes phantoms ended with code ${code}`)),
      );
    });
  const stop = (): void => workers.forEach((worker) => void worker.terminate());
  signal?.addEventListener('abort', stop);
  try {
    await Promise.all(Array.from({ length: stride }, (_, first) => finished(first)));
  } finally {
    signal?.removeEventListener('abort', stop);
    await Promise.all(workers.map((worker) => worker.terminate()));
    progress.end();
  }
}

async function writeAll(folder: string, config: PhantomConfig, signal: AbortSignal | undefined): Promise<void> {
  const { seed, size } = config;
  const videos = join(folder, 'Videos');
  await mkdir(videos, { recursive: true });
  const studies = Array.from({ length: config.studies }, (_, index) => phantomStudy(seed, index, size));
  await writeFile(join(folder, 'FileList.csv'), fileList(studies, phantomSplits(seed, config.studies, config.split)));
  await writeFile(join(folder, 'VolumeTracings.csv'), volumeTracings(studies));
  await writeFile(join(folder, 'README.txt'), README);
  await writeFile(join(folder, 'LICENSE'), LICENSE);
  await writeClips(videos, config, signal);
  await yieldToEvents(signal);
  await writeFile(join(folder, STAMP), stampOf(config));
}

/**
 * Puts phantoms at `target` in one step: those of the same stamp that stand there are kept, those of another are replaced.
 * @throws BadInput when `target` cannot be written or holds something else; the signal's reason once it is aborted.
 */
export async function placePhantoms(
  target: string,
  stamp: string,
  write: (folder: string) => Promise<void>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const stands = async (): Promise<boolean> => (await whatStandsAt(target)) === stamp;
  if (await stands()) return;
  try {
    await writeFolderAtomic(target, async (folder) => {
      await write(folder);
      await whatStandsAt(target);
      await rm(target, { recursive: true, force: true });
    });
  } catch (error) {
    await yieldToEvents(signal);
    // another process may have put the same phantoms there meanwhile
    if (error instanceof BadInput || !(await stands())) throw error;
  }
}

/**
 * Writes a data set of phantoms at `root` in the layout of EchoNet-Dynamic (`FileList.csv`, `VolumeTracings.csv`,
 * `Videos/*.avi`); the same config gives the same bytes. It appears when it is whole; phantoms of the same config that
 * stand there already are kept, those of another are replaced.
 * @throws BadInput when `root` cannot be written or holds something else; the signal's reason once it is aborted.
 */
export async function writePhantomDataset(
  root: string,
  config: PhantomConfig,
  { signal }: { signal?: AbortSignal | undefined } = {},
): Promise<void> {
  checkConfig(config);
  await placePhantoms(resolve(root), stampOf(config), (folder) => writeAll(folder, config, signal), signal);
}
