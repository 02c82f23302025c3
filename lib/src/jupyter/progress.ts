import { escapeHtml } from '../host/escape.js';
import { formatProgress, setProgressSink, type ProgressState } from '../host/progress.js';
import { LiveOutput } from './display.js';
import { kernelPort } from './kernel.js';
import type { KernelPort } from './kernel_port.js';

/** Time between two updates of the notebook's output: each is stored by every open front end. */
const updateIntervalMs = 500;
const finishedRows = 8;

function row(state: ProgressState): string {
  const percent = state.total > 0 ? Math.min(100, (100 * state.done) / state.total) : 100;
  const colour = state.finished ? '#009e73' : '#0072b2';
  return (
    `<div style="font-family:monospace;font-size:12px;margin:2px 0">` +
    `<div style="display:inline-block;width:160px;height:8px;background:#ddd;margin-right:8px">` +
    `<div style="width:${percent.toFixed(1)}%;height:8px;background:${colour}"></div></div>` +
    `${escapeHtml(formatProgress(state))}</div>`
  );
}

/** The work of one cell shares one output, a row for each piece; of finished pieces the last few stay. */
class ProgressOutput {
  private output = new LiveOutput();
  private states = new Map<string, ProgressState>();
  private cell: unknown;

  constructor(private readonly port: KernelPort) {}

  show(state: ProgressState): void {
    if (this.cell !== this.port.cell) {
      this.cell = this.port.cell;
      this.output = new LiveOutput();
      this.states = new Map();
    }
    this.states.set(state.label, state);
    this.dropOldest();
    const states = [...this.states.values()];
    const text = states.map(formatProgress).join('\n');
    this.output.set({ 'text/html': states.map(row).join(''), 'text/plain': text }, { progress: formatProgress(state) });
  }

  private dropOldest(): void {
    const finished = [...this.states.values()].filter((state) => state.finished);
    for (const { label } of finished.slice(0, -finishedRows)) this.states.delete(label);
  }
}

/**
 * Shows all long work (host/progress) as updatable output of the notebook instead of lines on stderr; returns a function
 * that puts the former display back. Outside a kernel the terminal's display stays.
 */
export function showProgressInNotebook(): () => void {
  const port = kernelPort();
  if (port === undefined) return () => undefined;
  const output = new ProgressOutput(port);
  return setProgressSink((state) => output.show(state), updateIntervalMs);
}
