import * as tf from '@tensorflow/tfjs';
import { biasCorrections, clipByNorm, createAdamW, flatten, type AdamW } from '../distill/adamw.js';
import { rateAt } from '../distill/curriculum.js';
import { compile } from '../engine/compile.js';
import { yieldToEvents } from '../host/abort.js';
import { startProgress } from '../host/progress.js';
import { trainableVariables } from '../tree/params.js';
import type { Batch } from './batch.js';
import { batchesAhead } from './batches_ahead.js';
import type { Recipe } from './recipe.js';
import { drawerOf } from './subjects.js';
import type { Task } from './task.js';

/** A batch as tensors: images `[B, H, W, 1]`, then the targets; owned by the caller. */
function tensorsOf({ images, targets }: Batch, { size, targetShapes }: Task, batch: number): tf.Tensor[] {
  const pixels = tf.tensor4d(Float32Array.from(images), [batch, size, size, 1]);
  return [pixels, ...targets.map((values, i) => tf.tensor(values, [batch, ...(targetShapes[i] as number[])]))];
}

type StepInputs = [
  rate: tf.Scalar,
  correction1: tf.Scalar,
  correction2: tf.Scalar,
  images: tf.Tensor4D,
  ...targets: tf.Tensor[],
];

/** One step as one graph function of (rate, correction1, correction2, images, …targets): the loss and the gradient's norm. */
function compileStep(task: Task, variables: readonly tf.Variable[], optimizer: AdamW, { max_grad_norm }: Recipe) {
  return compile(
    (...inputs: tf.Tensor[]): tf.Tensor[] => {
      const [rate, correction1, correction2, images, ...targets] = inputs as StepInputs;
      const { value, grads } = tf.variableGrads(() => task.loss(images, targets), [...variables]);
      const { gradient, norm } = clipByNorm(
        flatten(variables.map(({ name }) => grads[name] as tf.Tensor)),
        max_grad_norm,
      );
      optimizer.update(gradient, { rate, correction1, correction2 });
      return [value, norm];
    },
    { name: 'train' },
  );
}

/** Trains every variable of a task on drawn phantoms. @throws Error when a loss or gradient is not finite; the signal's reason. */
export async function trainInFull(task: Task, recipe: Recipe, label: string, signal?: AbortSignal): Promise<void> {
  const { batch, steps, phantomSeed } = recipe;
  const variables = [...trainableVariables(task.params).values()];
  const optimizer = createAdamW(variables, recipe.optimizer);
  const train = compileStep(task, variables, optimizer, recipe);
  const source = { subject: task.subject, seed: phantomSeed, batch, size: task.size };
  const progress = startProgress(label, steps);
  try {
    let step = 0;
    for await (const drawn of batchesAhead(source, steps)) {
      await yieldToEvents(signal);
      const { correction1, correction2 } = biasCorrections(recipe.optimizer, step + 1);
      const scalars = [rateAt(recipe.rate, step, step, steps), correction1, correction2].map((x) => tf.scalar(x));
      const inputs = [...scalars, ...tensorsOf(drawn, task, batch)];
      const results = await train.async(...inputs);
      const [loss = NaN, norm = NaN] = await Promise.all(results.map(async (x) => (await x.data())[0]));
      tf.dispose([...results, ...inputs]);
      if (!Number.isFinite(loss + norm)) {
        throw new Error(`${label}: step ${step} has a loss of ${loss} and a gradient of norm ${norm}`);
      }
      progress.advance(1, `loss ${loss.toFixed(4)}`);
      step++;
    }
  } finally {
    progress.end();
    train.dispose();
    optimizer.dispose();
  }
}

/** Means of a task's measures over held-out phantoms, by name, to four decimals. */
export async function measureHeldOut(
  task: Task,
  recipe: Recipe,
  signal?: AbortSignal,
): Promise<Record<string, number>> {
  const { batch, heldOutSeed, heldOutBatches } = recipe;
  const draw = drawerOf({ subject: task.subject, seed: heldOutSeed, batch, size: task.size });
  const sums = new Map<string, number>();
  for (let step = 0; step < heldOutBatches; step++) {
    await yieldToEvents(signal);
    const [images, ...targets] = tensorsOf(draw(step), task, batch) as [tf.Tensor4D, ...tf.Tensor[]];
    const measures = tf.tidy(() => task.measure(images, targets));
    for (const [name, value] of Object.entries(measures))
      sums.set(name, (sums.get(name) ?? 0) + (await value.data())[0]!);
    tf.dispose([images, ...targets, ...Object.values(measures)]);
  }
  return Object.fromEntries([...sums].map(([name, sum]) => [name, Number((sum / heldOutBatches).toFixed(4))]));
}
