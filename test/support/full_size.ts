import * as tf from '@tensorflow/tfjs';
import { leafMaker, type Precision } from 'gemma-3ncore/adapters/quantize/leaves';
import { buildBridges, planBridges } from 'gemma-3ncore/bridges';
import { createAdamW } from 'gemma-3ncore/distill/adamw';
import { createTrainStep } from 'gemma-3ncore/distill/train_step';
import { trainedVariables } from 'gemma-3ncore/distill/variables';
import { compile } from 'gemma-3ncore/engine/compile';
import { memory } from 'gemma-3ncore/engine/memory';
import { loadCheckpoint } from 'gemma-3ncore/models/checkpoint';
import * as mobilenet from 'gemma-3ncore/models/mobilenet_v5';
import * as siglip from 'gemma-3ncore/models/siglip_vision';
import { preset } from 'gemma-3ncore/schema/presets';
import { buildStudent } from 'gemma-3ncore/student_model';
import { initialise } from 'gemma-3ncore/tree/params';
import { rootKey } from 'gemma-3ncore/tree/random';
import { openStudentBase, openTeacher, teacherConfig } from 'gemma-3ncore/weights';

/** What a piece of work at full size took; sizes in MB (10⁶ bytes), times in milliseconds. */
export interface Measured {
  /** Resident memory of the idle engine before it. */
  readonly idleMB: number;
  /** Largest resident memory up to its end. */
  readonly peakMB: number;
  /** Of all tensors after the weights were there. */
  readonly weightsMB: number;
  readonly openMs: number;
  /** Each run of what was built, the first one with its compilation. */
  readonly runMs: readonly number[];
  /** Whether every result was finite. */
  readonly finite: boolean;
}

const so400m = 'random:siglip-so400m-14-448';
const encoder300m = 'random:mobilenetv5_300m_enc';

/** Work that has been built: runs it once and says whether its results are finite. */
type Run = () => Promise<boolean>;

function image(size: number, batch = 1): tf.Tensor4D {
  return tf.randomUniform([batch, size, size, 3], 0, 1, 'float32', 3);
}

/** Whether results are finite, read one at a time; frees them. */
async function finish(results: readonly tf.Tensor[]): Promise<boolean> {
  let finite = true;
  for (const result of results) finite &&= (await result.data()).every(Number.isFinite);
  tf.dispose([...results]);
  return finite;
}

function forwardRun(images: tf.Tensor4D, forward: (images: tf.Tensor4D) => tf.Tensor[]): Run {
  const compiled = compile(forward, { name: 'forward' });
  return async () => finish(await compiled.async(images));
}

/** The so400m/14 tower from a file, not run. */
function loadedTeacher(path: string): Run {
  loadCheckpoint(siglip.spec(teacherConfig(so400m)), path, siglip.siglipAnchor);
  return () => Promise.resolve(true);
}

function teacherForward(size: number, precision: Precision = 'fp32'): Run {
  const { params, config } = openTeacher(so400m, 0, precision);
  const features = ['last_hidden_state', 'pooler_output'];
  return forwardRun(image(size), (x) => Object.values(siglip.forward(params, x, config, { features })));
}

/** The first layers of the so400m/14 tower. */
function layersForward(size: number, precision: Precision): Run {
  const config = { ...teacherConfig(so400m), num_hidden_layers: 6, vision_use_head: false };
  const params = initialise(siglip.spec(config), rootKey(0), leafMaker(precision));
  const options = { features: ['last_hidden_state'], interpolatePosEncoding: true };
  return forwardRun(image(size), (x) => Object.values(siglip.forward(params, x, config, options)));
}

function encoderForward(size: number): Run {
  const { params, config } = openStudentBase(encoder300m, 0);
  return forwardRun(image(size), (x) => Object.values(mobilenet.forward(params, x, config, { features: ['output'] })));
}

/** A whole optimizer step of one study with LoRA on every 1×1 convolution and the preset's bridges. */
function studentStep(size: number): Run {
  const experiment = preset('medsiglip-gemma3n');
  experiment.teacher.weights = so400m;
  experiment.student = {
    ...experiment.student,
    weights: encoder300m,
    preprocessing: { ...experiment.student.preprocessing, height: size, width: size },
  };
  const planned = planBridges(experiment);
  const student = buildStudent(
    experiment,
    planned.map(({ config }) => config.student),
  );
  const { bridges } = buildBridges(planned, 0);
  const variables = [...trainedVariables(student, bridges).values()];
  const optimizer = createAdamW(variables, { betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.01 });
  const step = createTrainStep({ student, bridges, variables, optimizer, max_grad_norm: 1 });
  const batch = {
    ED: image(size),
    ES: image(size),
    known: [],
    targets: tf.zeros<tf.Rank.R2>([1, 3]),
    taskWeights: tf.ones<tf.Rank.R1>([1]),
    featureWeights: tf.ones<tf.Rank.R1>([1]),
    seed: tf.tensor1d([1, 2], 'int32'),
    teacher: planned.map(
      ({ shapes }) =>
        tf.randomNormal<tf.Rank>(
          [2, ...shapes.matched] as [number, number, number, number],
          0,
          1,
          'float32',
          4,
        ) as tf.Tensor4D,
    ),
  };
  const scalars = { rate: tf.scalar(1e-3), correction1: tf.scalar(0.1), correction2: tf.scalar(0.001) };
  return async () => {
    const { task, feature } = await step.accumulate(batch);
    const norm = await step.apply(scalars);
    return finish([task, feature as tf.Tensor, norm]);
  };
}

/** The pieces of work by name; the argument is a size in pixels or a file. */
const works = {
  'so400m-load': loadedTeacher,
  'so400m-forward': (size: string) => teacherForward(Number(size)),
  'so400m-int8': (size: string) => teacherForward(Number(size), 'int8'),
  'so400m-nf4': (size: string) => teacherForward(Number(size), 'nf4'),
  'layers-fp32': (size: string) => layersForward(Number(size), 'fp32'),
  'layers-int8': (size: string) => layersForward(Number(size), 'int8'),
  'layers-nf4': (size: string) => layersForward(Number(size), 'nf4'),
  '300m-forward': (size: string) => encoderForward(Number(size)),
  '300m-step': (size: string) => studentStep(Number(size)),
} as const satisfies Record<string, (argument: string) => Run>;

export type WorkName = keyof typeof works;

/** Builds a piece of work on the open engine and runs it some times. */
export async function measure(name: WorkName, argument: string, runs: number): Promise<Measured> {
  tf.tidy(() => tf.matMul(tf.ones([64, 64]), tf.ones([64, 64])).dataSync());
  const idleMB = memory().rssMB;
  const begun = performance.now();
  const run = works[name](argument);
  const openMs = performance.now() - begun;
  const weightsMB = memory().bytes / 1e6;
  const runMs: number[] = [];
  let finite = true;
  for (let i = 0; i < runs; i++) {
    const start = performance.now();
    finite = (await run()) && finite;
    runMs.push(performance.now() - start);
  }
  return { idleMB, peakMB: memory().peakRssMB, weightsMB, openMs, runMs, finite };
}
