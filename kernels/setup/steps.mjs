import { rmSync } from 'node:fs';
import { engine } from './engine.mjs';
import { kernel } from './kernel.mjs';
import { library } from './library.mjs';
import { packages } from './packages.mjs';
import { python } from './python.mjs';
import { readStamp, writeJson } from './stamp.mjs';
import { video } from './video.mjs';

/** In the order in which they need each other. */
export const steps = [packages, library, python, engine, video, kernel];

/** Runs a step unless its stamp says that its inputs are unchanged; resolves to what the report says about it. */
export async function runStep(step, { force = false } = {}) {
  const begun = performance.now();
  const inputs = step.inputs();
  const stamp = readStamp(step.stamp);
  if (!force && stamp?.inputs === inputs && step.present(stamp.result)) {
    return { ...stamp.step, status: 'unchanged', checkSeconds: secondsSince(begun) };
  }
  process.stderr.write(`set-up: ${step.name} …\n`);
  rmSync(step.stamp, { force: true });
  const { detail, warning, result } = await step.run();
  const done = {
    name: step.name,
    seconds: secondsSince(begun),
    detail,
    warning,
    result,
    finished: new Date().toISOString(),
  };
  // A step may change what its inputs are made of (npm writes into node_modules), so they are taken again.
  writeJson(step.stamp, { inputs: step.inputs(), step: done, result });
  return { ...done, status: 'done', checkSeconds: 0 };
}

function secondsSince(begun) {
  return Number(((performance.now() - begun) / 1000).toFixed(2));
}
