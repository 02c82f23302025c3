import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { yieldToEvents } from '../host/abort.js';
import { Interrupted } from '../host/errors.js';
import type { FrameAnswer, FrameRequest } from './frame_worker.js';
import { extract, type Extraction } from './frames.js';
import { oneByOne } from './one_by_one.js';
import type { Study } from './study.js';

/** Decodes ED and ES frames in threads of its own. */
export interface FramePool {
  /** Threads; 0: decodes in the caller's. */
  readonly threads: number;
  /** A study's frames, or why there are none; never rejects but for a bug and after `close`. */
  extract(study: Study): Promise<Extraction>;
  /** Stops what is under way, whose promises reject with {@link Interrupted}. */
  close(): Promise<void>;
}

interface Job {
  readonly resolve: (extraction: Extraction) => void;
  readonly reject: (reason: Error) => void;
}

interface Thread {
  readonly worker: Worker;
  readonly jobs: Map<number, Job>;
  /** Not 0: what is in the thread's queue is to be skipped. */
  readonly stopped: Int32Array;
  /** Why it takes no more. */
  ended: Error | undefined;
  /** Takes no more, and gives up what has not been answered. */
  end(reason: Error): void;
}

/** Pixels are outside of the heap; a young generation of the usual size would only grow. */
const resourceLimits = { maxYoungGenerationSizeMb: 8 };

/** A thread that keeps the process alive only while it has work. */
function startThread(): Thread {
  const stopped = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(join(__dirname, 'frame_worker.js'), { workerData: stopped, resourceLimits });
  const jobs = new Map<number, Job>();
  const thread: Thread = {
    ...{ worker, jobs, stopped, ended: undefined },
    end(reason) {
      thread.ended ??= reason;
      for (const job of jobs.values()) job.reject(thread.ended);
      jobs.clear();
    },
  };
  worker.on('message', (answer: FrameAnswer) => {
    const job = jobs.get(answer.job);
    jobs.delete(answer.job);
    if (jobs.size === 0 && thread.ended === undefined) worker.unref();
    if (answer.kind === 'done') job?.resolve(answer.extraction);
    else job?.reject(new Error(`in a thread that decodes frames: ${answer.stack}`));
  });
  worker.on('error', (error) => thread.end(error));
  worker.on('exit', (code) => thread.end(new Error(`a thread that decodes frames ended by itself, with code ${code}`)));
  // After the listeners: one for messages holds the process again.
  worker.unref();
  return thread;
}

/** Ends a thread once the study it is at is decoded; ffmpeg is killed. */
async function stopThread({ worker, stopped, end }: Thread): Promise<void> {
  const exit = once(worker, 'exit');
  worker.ref();
  end(new Interrupted());
  Atomics.store(stopped, 0, 1);
  worker.postMessage({ kind: 'stop' } satisfies FrameRequest);
  await exit;
}

/** As many threads as processors, of which a lone one is left to whoever asks for the frames. */
export function threadsByProcessors(processors = availableParallelism()): number {
  return processors < 2 ? 0 : Math.min(processors, 4);
}

/** Decodes in the caller's thread, one study after the other; between them events have their turn. */
function poolWithoutThreads(): FramePool {
  const stopping = new AbortController();
  const { signal } = stopping;
  const inTurn = oneByOne();
  return {
    threads: 0,
    extract: (study) =>
      inTurn(async () => {
        await yieldToEvents(signal);
        return extract(study, { signal });
      }),
    close: async () => stopping.abort(new Interrupted()),
  };
}

function poolOfThreads(threads: number): FramePool {
  const pool = Array.from({ length: threads }, startThread);
  let jobs = 0;
  return {
    threads,
    extract(study) {
      const thread = pool.reduce((least, other) => (other.jobs.size < least.jobs.size ? other : least));
      const job = jobs++;
      return new Promise((resolve, reject) => {
        if (thread.ended !== undefined) return reject(thread.ended);
        // Of the study a copy comes back.
        thread.jobs.set(job, { resolve: (extraction) => resolve({ ...extraction, study }), reject });
        thread.worker.ref();
        thread.worker.postMessage({ kind: 'decode', job, study } satisfies FrameRequest);
      });
    },
    async close() {
      const running = pool.filter(({ ended }) => ended === undefined);
      await Promise.all(running.map(stopThread));
    },
  };
}

/** Opens a pool, which an aborted signal closes; frames and verdicts are the same with any number of threads. */
export function openFramePool(threads = threadsByProcessors(), signal?: AbortSignal): FramePool {
  const pool = threads === 0 ? poolWithoutThreads() : poolOfThreads(threads);
  const stop = (): void => void pool.close();
  if (signal?.aborted) stop();
  signal?.addEventListener('abort', stop, { once: true });
  return {
    ...pool,
    async close() {
      signal?.removeEventListener('abort', stop);
      await pool.close();
    },
  };
}
