// ED and ES frames of 500 and of 5,000 studies, decoded with 0, 1 and 2 threads, each in a process of its own.
import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readEchoNetDynamic } from 'gemma-3ncore/data/echonet_dynamic';
import { openFramePool, type FramePool } from 'gemma-3ncore/data/frame_pool';
import { openFrameSource } from 'gemma-3ncore/data/frame_source';
import { writePhantomDataset } from 'gemma-3ncore/data/phantom/dataset';
import type { Study } from 'gemma-3ncore/data/study';
import { monotonicMs } from 'gemma-3ncore/host/clock';
import { decodeAll } from 'gemma-3ncore/training_data';
import { Random, rootKey } from 'gemma-3ncore/tree/random';
import { writeBench } from '../support/bench.js';

const clips = 50;
const sizes = [500, 5000] as const;

/** Mebibytes that this process has now. */
function residentMB(): number {
  const [, kB] = /VmRSS:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8')) as unknown as [string, string];
  return Number(kB) / 1024;
}

/** As many studies as are wanted, their videos hard links to a few phantoms. */
async function manyStudies(root: string): Promise<Study[]> {
  const { studies } = await readEchoNetDynamic(root);
  mkdirSync(join(root, 'links'), { recursive: true });
  return Array.from({ length: Math.max(...sizes) }, (_, i) => {
    const study = studies[i % studies.length] as Study;
    const video = join(root, 'links', `${process.pid}_${i}.avi`);
    linkSync(study.video as string, video);
    return { ...study, id: `study${i}`, patient: `study${i}`, video };
  });
}

async function measure(pool: FramePool, studies: readonly Study[]) {
  let peakMB = 0;
  const watch = setInterval(() => (peakMB = Math.max(peakMB, residentMB())), 50);
  const rate = (begun: number): number => Math.round((1000 * studies.length) / (monotonicMs() - begun));
  const first = monotonicMs();
  const { decoded } = await decodeAll(pool, studies);
  const inOrder = rate(first);
  const source = openFrameSource(pool);
  const shuffled = [...new Random(rootKey(1)).permutation(decoded.length)].map((i) => decoded[i]!);
  const second = monotonicMs();
  for (let at = 0; at < shuffled.length; at += 16) {
    source.prefetch(shuffled.slice(at + 16, at + 32));
    await Promise.all(shuffled.slice(at, at + 16).map((study) => source.read(study)));
  }
  clearInterval(watch);
  return { studies: studies.length, inOrder, shuffled: rate(second), peakMB: Math.round(peakMB) };
}

async function child(root: string, threads: number): Promise<void> {
  const studies = await manyStudies(root);
  const pool = openFramePool(threads);
  const rows: object[] = [];
  for (const size of sizes) rows.push({ threads, ...(await measure(pool, studies.slice(0, size))) });
  await pool.close();
  process.stdout.write(JSON.stringify(rows));
}

async function main(): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'frames-'));
  try {
    await writePhantomDataset(join(root, 'data'), { studies: clips, seed: 1, size: 112, split: { train: 1, val: 0 } });
    const rows = [0, 1, 2].flatMap((threads) => {
      const output = execFileSync(process.execPath, [__filename, join(root, 'data'), String(threads)]);
      return JSON.parse(output.toString()) as object[];
    });
    await writeBench('frames', rows, { unit: 'studies a second; peakMB: largest resident size' });
    process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
  } finally {
    rmSync(root, { recursive: true });
  }
}

const [, , root, threads] = process.argv;
void (root === undefined ? main() : child(root, Number(threads)));
