import { parentPort, workerData } from 'node:worker_threads';
import { Interrupted, messageOf } from '../host/errors.js';
import { extract, type Extraction } from './frames.js';
import { oneByOne } from './one_by_one.js';
import type { Study } from './study.js';

/** What the thread is sent: a study to decode under a number, or the word to stop. */
export type FrameRequest =
  { readonly kind: 'decode'; readonly job: number; readonly study: Study } | { readonly kind: 'stop' };

/** What it answers with: the frames, or why there are none, or the stack of a bug. */
export type FrameAnswer =
  | { readonly kind: 'done'; readonly job: number; readonly extraction: Extraction }
  | { readonly kind: 'bug'; readonly job: number; readonly stack: string };

const stopping = new AbortController();
const stopped = workerData as Int32Array;
// A study that takes ffmpeg takes a process, which must not be as many as there are studies in the queue.
const inTurn = oneByOne();

async function answerTo(job: number, study: Study): Promise<FrameAnswer> {
  try {
    return { kind: 'done', job, extraction: await extract(study, { signal: stopping.signal }) };
  } catch (error) {
    return { kind: 'bug', job, stack: (error instanceof Error ? error.stack : undefined) ?? messageOf(error) };
  }
}

/** The buffers of the frames, which change hands instead of being copied; ED and ES may be one picture. */
function buffersOf(answer: FrameAnswer): ArrayBuffer[] {
  if (answer.kind === 'bug' || answer.extraction.kind === 'unreadable') return [];
  const { ED, ES } = answer.extraction.frames;
  return [...new Set([ED, ES].map(({ data }) => data.buffer as ArrayBuffer))];
}

/** Runs in its own thread: is sent studies, answers with their frames; once it is stopped nobody waits for answers. */
parentPort?.on('message', (request: FrameRequest) => {
  if (request.kind === 'stop') {
    stopping.abort(new Interrupted());
    parentPort?.close();
    return;
  }
  void inTurn(async () => {
    if (Atomics.load(stopped, 0) !== 0) return;
    const answer = await answerTo(request.job, request.study);
    parentPort?.postMessage(answer, buffersOf(answer));
  });
});
