import { copyFileSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { writeFileAtomic } from './files/atomic.js';
import { writeFolderAtomic } from './files/atomic_folder.js';
import { readJsonObject } from './files/json.js';
import { byteLengthOf, openSafetensors, type OpenTensorSource, type StreamedTensor } from './files/safetensors.js';
import { writeCheckpoint } from './files/safetensors_shards.js';
import { BadInput } from './host/errors.js';
import { projectPath } from './host/places.js';
import { startProgress, type Progress } from './host/progress.js';
import { printable } from './host/text.js';
import { modelManifest } from './model_manifests.js';
import { gemma3nTextConfig, type Gemma3nTextConfig } from './models/gemma3n_text_config.js';
import { sliceConfig, type MatformerSlice } from './models/matformer.js';
import { SlicedCheckpoint } from './models/matformer_checkpoint.js';
import { sizeOf } from './tree/spec.js';

/** What {@link sliceModel} wrote. */
export interface SlicedModel {
  readonly folder: string;
  /** Files with tensors. */
  readonly files: readonly string[];
  readonly slice: MatformerSlice;
  /** Numbers in all tensors, before and after. */
  readonly parameters: { readonly base: number; readonly slice: number };
  readonly bytes: number;
}

/** Files beside the weights that hold for every slice: the tokenizer, processors, terms. */
const takenAlong = /^(?!config\.json$)(?!.*\.index\.json$).*\.(json|jinja|model|txt)$|^(LICENSE|USE_POLICY|TERMS)/i;

function copyOthers(from: string, to: string): void {
  for (const name of readdirSync(from)) {
    const path = join(from, name);
    if (takenAlong.test(name) && statSync(path).isFile()) copyFileSync(path, join(to, name));
  }
}

/** What was done to the base, in one line. */
function changes(folder: string, { layers, intermediate_size: widths }: MatformerSlice): string {
  const name = printable(basename(resolve(folder)), 100);
  return `Sliced from ${name}: its layers ${layers.join(', ')}, feed-forward widths ${widths.join(', ')}.`;
}

/** The terms that bind whoever passes a slice on, above the project's NOTICE. */
function notice(folder: string, slice: MatformerSlice): string {
  const own = join(folder, 'NOTICE');
  const made =
    `This model is a modified derivative. ${changes(folder, slice)} Whoever passes it on passes on the terms and use ` +
    'restrictions below with it:';
  const binding = [
    modelManifest('google/gemma-3n-E2B-it', 'data-manifests/models').notice,
    ...(existsSync(own) ? [readFileSync(own, 'utf8').trim()] : []),
  ];
  return [made, ...binding, readFileSync(projectPath('NOTICE'), 'utf8')].join('\n\n');
}

function parametersOf(source: Pick<OpenTensorSource, 'names' | 'shapeOf'>): number {
  return [...source.names()].reduce((sum, name) => sum + sizeOf(source.shapeOf(name)), 0);
}

/** The tensors, each telling of its pieces while it is written. */
function watched(
  tensors: ReadonlyMap<string, StreamedTensor>,
  progress: Progress,
  signal: AbortSignal | undefined,
): Map<string, StreamedTensor> {
  let [bytes, shown] = [0, 0];
  function* pieces(name: string, tensor: StreamedTensor): Generator<Uint8Array> {
    for (const piece of tensor.make() as Iterable<Uint8Array>) {
      signal?.throwIfAborted();
      yield piece;
      bytes += piece.byteLength;
      const megabytes = Math.round(bytes / 1e6);
      progress.advance(megabytes - shown, printable(name, 100));
      shown = megabytes;
    }
  }
  return new Map([...tensors].map(([name, tensor]) => [name, { ...tensor, make: () => pieces(name, tensor) }]));
}

/** How a slice is chosen once the base is known. */
export type ChooseSlice = (base: Gemma3nTextConfig, where: string) => MatformerSlice;

async function write(
  folder: string,
  out: string,
  { config, slice }: { readonly config: Gemma3nTextConfig; readonly slice: MatformerSlice },
  signal: AbortSignal | undefined,
): Promise<SlicedModel> {
  const base = openSafetensors(folder);
  try {
    const sliced = new SlicedCheckpoint(base, config, slice);
    const tensors = sliced.tensors();
    const bytes = [...tensors.values()].reduce((sum, tensor) => sum + byteLengthOf(tensor), 0);
    const progress = startProgress('slice, MB', Math.round(bytes / 1e6));
    let files: string[] = [];
    await writeFolderAtomic(out, async (temporary) => {
      const metadata = { format: 'pt', modified: changes(folder, slice) };
      files = await writeCheckpoint(temporary, watched(tensors, progress, signal), metadata);
      copyOthers(folder, temporary);
      const text = readFileSync(join(folder, 'config.json'), 'utf8');
      await writeFileAtomic(join(temporary, 'config.json'), sliceConfig(text, slice));
      await writeFileAtomic(join(temporary, 'NOTICE'), notice(folder, slice));
    });
    progress.end();
    const parameters = { base: parametersOf(base), slice: parametersOf(sliced) };
    return { folder: out, files, slice, parameters, bytes };
  } finally {
    base.close();
  }
}

/**
 * Writes a MatFormer slice of a Gemma 3n model, of the whole model or of its language model alone, into a new folder that
 * transformers loads: sliced tensors (read and written in pieces), everything else of the model as it is, `config.json`,
 * tokenizer and processors, and a NOTICE that says what was changed and whose terms hold.
 * @throws BadInput when the folder holds no such model, the slice does not fit it, or `out` exists or cannot be written;
 * Interrupted when the signal is aborted.
 */
export async function sliceModel(
  folder: string,
  out: string,
  choose: ChooseSlice,
  signal?: AbortSignal,
): Promise<SlicedModel> {
  if (existsSync(out)) throw new BadInput({ where: out, expected: 'a new folder', got: 'one that exists' });
  const path = join(folder, 'config.json');
  const json = readJsonObject(path);
  const type = String(json['model_type']);
  if (type !== 'gemma3n' && type !== 'gemma3n_text') {
    throw new BadInput({ where: `${path}, field model_type`, expected: 'gemma3n or gemma3n_text', got: type });
  }
  const config = gemma3nTextConfig(json, path);
  return write(folder, out, { config, slice: choose(config, path) }, signal);
}
