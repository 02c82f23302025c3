import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { encodeMjpegAvi } from '../../files/avi_write.js';
import { renderFrame } from './render.js';
import { phantomStudy } from './study.js';

/** The clips that one thread writes: every `stride`-th study from `first` on. */
export interface ClipWork {
  readonly folder: string;
  readonly seed: number;
  readonly size: number;
  readonly studies: number;
  readonly first: number;
  readonly stride: number;
}

const QUALITY = 90;

function writeClip(folder: string, seed: number, index: number, size: number): void {
  const study = phantomStudy(seed, index, size);
  const frames = Array.from({ length: study.frames }, (_, t) => renderFrame(study, t));
  const avi = encodeMjpegAvi({ width: size, height: size, fps: study.fps, frames, quality: QUALITY });
  writeFileSync(join(folder, `${study.name}.avi`), avi);
}

/** Runs in its own thread and reports each clip that is written. */
const { folder, seed, size, studies, first, stride } = workerData as ClipWork;
for (let index = first; index < studies; index += stride) {
  writeClip(folder, seed, index, size);
  parentPort?.postMessage(index);
}
