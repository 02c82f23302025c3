import { formatSeconds, monotonicMs } from './clock.js';

/** One state of a long piece of work. */
export interface ProgressState {
  readonly label: string;
  readonly done: number;
  readonly total: number;
  /** Units a second since the start. */
  readonly rate: number;
  readonly secondsLeft: number;
  readonly note: string;
  readonly finished: boolean;
}

/** Shows progress: the terminal by default, the notebook's output inside a kernel. */
export type ProgressSink = (state: ProgressState) => void;

/** A running piece of work; `advance` may be called as often as wished, the display is limited to a few times a second. */
export interface Progress {
  advance(units?: number, note?: string): void;
  /** Counts units that were done before this work began: they say nothing of its rate. */
  skip(units: number, note?: string): void;
  end(): void;
}

/** `label 12/40 (30 %), 3.1/s, 9 s left, note`. */
export function formatProgress(state: ProgressState): string {
  const share = state.total > 0 ? Math.floor((100 * state.done) / state.total) : 100;
  const rate = state.rate >= 10 ? state.rate.toFixed(0) : state.rate.toPrecision(2);
  const time = state.finished ? '' : `, ${formatSeconds(state.secondsLeft)} left`;
  return `${state.label} ${state.done}/${state.total} (${share} %), ${rate}/s${time}${state.note ? `, ${state.note}` : ''}`;
}

const terminal: ProgressSink = (state) => {
  const text = formatProgress(state);
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}${state.finished ? '\n' : ''}`);
  else process.stderr.write(`${text}\n`);
};

let display = { sink: terminal, intervalMs: process.stderr.isTTY ? 200 : 5000 };

/**
 * Sends progress elsewhere (the notebook's output), at most once in `intervalMs` for each piece of work; returns a function
 * that puts the former sink back.
 */
export function setProgressSink(sink: ProgressSink, intervalMs = 500): () => void {
  const former = display;
  display = { sink, intervalMs };
  return () => {
    display = former;
  };
}

/** Starts a piece of work of `total` units. */
export function startProgress(label: string, total: number): Progress {
  const begun = monotonicMs();
  let done = 0;
  let skipped = 0;
  let note = '';
  let shown = begun;
  const show = (finished: boolean): void => {
    const seconds = (monotonicMs() - begun) / 1000;
    const rate = seconds > 0 ? (done - skipped) / seconds : 0;
    display.sink({
      label,
      done,
      total,
      rate,
      secondsLeft: rate > 0 ? (total - done) / rate : Infinity,
      note,
      finished,
    });
  };
  return {
    advance(units = 1, text = '') {
      done += units;
      note = text;
      if (monotonicMs() - shown < display.intervalMs) return;
      shown = monotonicMs();
      show(false);
    },
    skip(units, text = '') {
      skipped += units;
      done += units;
      note = text;
    },
    end() {
      show(true);
    },
  };
}
