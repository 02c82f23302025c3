import { escapeHtml } from '../host/html.js';
import { formatProgress, setProgressSink, type ProgressState } from '../host/progress.js';
import { LiveOutput } from './display.js';
import { kernelPort } from './kernel.js';

/** Time between two updates of the notebook's output: each is stored by every open front end. */
const updateIntervalMs = 500;

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

/** Pieces of work that run at the same time (a run and its epochs) share one output, a row each, in the cell that began. */
class ProgressOutput {
  private output = new LiveOutput();
  private states = new Map<string, ProgressState>();

  show(state: ProgressState): void {
    this.states.set(state.label, state);
    const states = [...this.states.values()];
    const text = states.map(formatProgress).join('\n');
    const bundle = { 'text/html': states.map(row).join(''), 'text/plain': text };
    this.output.set(bundle, { progress: formatProgress(state) });
    if (states.every(({ finished }) => finished)) {
      this.output = new LiveOutput();
      this.states = new Map();
    }
  }
}

/**
 * Shows all long work (host/progress) as updatable output of the notebook instead of lines on stderr; returns a function
 * that puts the former display back. Outside a kernel the terminal's display stays.
 */
export function showProgressInNotebook(): () => void {
  if (kernelPort() === undefined) return () => undefined;
  const output = new ProgressOutput();
  return setProgressSink((state) => output.show(state), updateIntervalMs);
}
