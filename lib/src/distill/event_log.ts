import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { openToAppend } from '../files/append.js';
import { writeFileAtomic } from '../files/atomic.js';
import { isJsonObject, type JsonObject } from '../files/json.js';
import { scalarsRecord, versionRecord } from '../files/tensorboard.js';
import type { TrainEvent } from './events.js';

/** A line of `metrics.jsonl`; `step` is the number of the step (from 0), else how many had been done. */
interface Line extends JsonObject {
  readonly time: string;
  readonly model: string;
  readonly kind: TrainEvent['kind'];
  readonly step: number;
}

/** Takes the events of one model's training. */
export interface EventLog {
  /** @throws BadInput when the disk is full. */
  add(event: TrainEvent): void;
  close(): void;
}

function isLine(value: unknown): value is Line {
  return (
    isJsonObject(value) &&
    ['time', 'model', 'kind'].every((key) => typeof value[key] === 'string') &&
    typeof value['step'] === 'number'
  );
}

/** The whole lines of a log; a kill may have cut the last one. */
function linesIn(path: string): Line[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((text) => {
      try {
        const value: unknown = JSON.parse(text);
        return isLine(value) ? [value] : [];
      } catch {
        return [];
      }
    });
}

function lineOf(model: string, event: TrainEvent): Line {
  const head = { time: new Date().toISOString(), model, kind: event.kind };
  switch (event.kind) {
    case 'step':
    case 'validation':
      return { ...head, ...event.record };
    case 'resumed':
    case 'checkpoint':
      return { ...head, step: event.step, checkpoint: basename(event.folder) };
  }
}

/** Whether a run that goes on at `step` (so many are done) has this line behind it. */
function isBefore(line: Line, step: number): boolean {
  return line.kind === 'step' ? line.step < step : line.step <= step;
}

const tags: readonly (readonly [key: string, tag: string])[] = [
  ['total', 'loss/total'],
  ['feature', 'loss/feature'],
  ['task', 'loss/task'],
  ['featureWeight', 'weight/feature'],
  ['taskWeight', 'weight/task'],
  ['rate', 'rate'],
  ['gradientNorm', 'gradient_norm'],
];
const targets = ['EDV', 'ESV', 'EF'] as const;

/** The scalars of a line as TensorBoard shows them; what is null has none. */
function scalarsOf(line: Line): Record<string, number> {
  const found: [string, unknown][] = [];
  if (line.kind === 'step') for (const [key, tag] of tags) found.push([tag, line[key]]);
  if (line.kind === 'validation') {
    found.push(['val/task', line['task']]);
    targets.forEach((target, i) => found.push([`val/MAE_${target}`, (line['mae'] as unknown[])[i]]));
  }
  return Object.fromEntries(found.filter((entry): entry is [string, number] => typeof entry[1] === 'number'));
}

function tensorboardRecord(line: Line): Uint8Array {
  const scalars = scalarsOf(line);
  const seconds = Date.parse(line.time) / 1000;
  return Object.keys(scalars).length === 0 ? Buffer.alloc(0) : scalarsRecord(seconds, line.step, scalars);
}

const textOf = (line: Line): string => `${JSON.stringify(line)}\n`;

/** A new event file of TensorBoard's with the lines so far in place of the former ones; gives its path. */
async function startTensorboard(folder: string, lines: readonly Line[]): Promise<string> {
  const seconds = Math.floor(Date.now() / 1000);
  const path = join(folder, `events.out.tfevents.${seconds}.3ncore`);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await writeFileAtomic(path, [versionRecord(seconds), ...lines.map(tensorboardRecord)]);
  return path;
}

/**
 * Opens the log of a model's training in a run folder: `metrics.jsonl`, one line an event, and TensorBoard's
 * `tensorboard/<model>/`; a kill loses nothing of them, a power cut what came after the last checkpoint. What they hold of
 * this model beyond `step` goes, so that no step stands twice; lines of other models stay.
 * @param step Optimizer steps done: 0, or those of the checkpoint that the run goes on from.
 * @throws BadInput when the folder cannot be written to.
 */
export async function openEventLog(runFolder: string, model: string, step: number): Promise<EventLog> {
  const path = join(runFolder, 'metrics.jsonl');
  const kept = linesIn(path).filter((line) => line.model !== model || (step > 0 && isBefore(line, step)));
  await writeFileAtomic(path, kept.map(textOf).join(''));
  const own = kept.filter((line) => line.model === model);
  const events = openToAppend(await startTensorboard(join(runFolder, 'tensorboard', model), own));
  const metrics = openToAppend(path);
  return {
    add(event) {
      const line = lineOf(model, event);
      metrics.append(textOf(line));
      events.append(tensorboardRecord(line));
      if (event.kind === 'checkpoint') for (const file of [metrics, events]) file.sync();
    },
    close() {
      metrics.close();
      events.close();
    },
  };
}
