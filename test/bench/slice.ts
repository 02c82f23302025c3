// Time and peak memory of slicing E2B out of a random E4B: `npm run bench:slice -- FOLDER [ROWS]`, ROWS of its two tables.
import { randomFillSync } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeJson } from 'gemma-3ncore/files/json';
import { byteLengthOf, type StreamedTensor } from 'gemma-3ncore/files/safetensors';
import { writeCheckpoint } from 'gemma-3ncore/files/safetensors_shards';
import { monotonicMs } from 'gemma-3ncore/host/clock';
import { spec } from 'gemma-3ncore/models/gemma3n_text';
import { gemma3nTextConfig } from 'gemma-3ncore/models/gemma3n_text_config';
import { e2bSlice } from 'gemma-3ncore/models/matformer';
import { sliceModel } from 'gemma-3ncore/slice';
import { flattenSpec } from 'gemma-3ncore/tree/spec';

/** The same random bytes again and again, so that making them takes no time. */
const noise = randomFillSync(new Uint8Array(2 ** 24));

function* randomBytes(length: number): Generator<Uint8Array> {
  for (let done = 0; done < length; done += noise.length)
    yield noise.subarray(0, Math.min(noise.length, length - done));
}

/** A language model of E4B's shapes but for the rows of its tables, bfloat16. */
async function writeBase(folder: string, rows: number): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const json = { model_type: 'gemma3n_text', vocab_size: rows, vocab_size_per_layer_input: rows };
  const tensors = [...flattenSpec(spec(gemma3nTextConfig(json)))].map(([path, { shape }]) => {
    const about = { dtype: 'BF16', shape };
    const tensor: StreamedTensor = { ...about, make: () => randomBytes(byteLengthOf(about)) };
    return [`model.language_model.${path}`, tensor] as const;
  });
  await writeCheckpoint(folder, new Map(tensors), { format: 'pt' });
  await writeJson(join(folder, 'config.json'), json);
}

/** In a process of its own, whose peak of memory is the slicing's. */
async function slice(base: string, out: string): Promise<void> {
  const begun = monotonicMs();
  const { files, bytes, parameters } = await sliceModel(base, out, e2bSlice);
  const seconds = (monotonicMs() - begun) / 1000;
  const peakMB = Math.round(process.resourceUsage().maxRSS / 1024);
  process.stdout.write(`${JSON.stringify({ ...parameters, files: files.length, bytes, seconds, peakMB })}\n`);
}

async function main([folder = '', rows = '4096', out]: readonly string[]): Promise<void> {
  if (out !== undefined) return slice(folder, out);
  const [base, sliced] = ['base', 'slice'].map((name) => join(folder, `bench-${name}`)) as [string, string];
  try {
    await writeBase(base, Number(rows));
    process.stdout.write(execFileSync(process.execPath, [__filename, base, rows, sliced], { encoding: 'utf8' }));
  } finally {
    for (const made of [base, sliced]) rmSync(made, { recursive: true, force: true });
  }
}

void main(process.argv.slice(2));
