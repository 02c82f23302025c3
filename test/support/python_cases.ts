// What test/python/check_models.py reads: one folder a case, with what this project computes beside what it writes.
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { wrapLora } from 'gemma-3ncore/adapters/lora';
import { loraConfig } from 'gemma-3ncore/adapters/lora_config';
import { mergeLora } from 'gemma-3ncore/adapters/merge_lora';
import { saveParams } from 'gemma-3ncore/adapters/param_files';
import { saveAdapter } from 'gemma-3ncore/adapters/peft_files';
import { biasCorrections, createAdamW } from 'gemma-3ncore/distill/adamw';
import { planOf } from 'gemma-3ncore/distill/plan';
import { createTrainStep } from 'gemma-3ncore/distill/train_step';
import { trainedVariables } from 'gemma-3ncore/distill/variables';
import { float16Data } from 'gemma-3ncore/files/float16';
import { writeJson } from 'gemma-3ncore/files/json';
import { float32Data, writeSafetensors } from 'gemma-3ncore/files/safetensors';
import { projectPath } from 'gemma-3ncore/host/places';
import * as mobilenet from 'gemma-3ncore/models/mobilenet_v5';
import * as siglip from 'gemma-3ncore/models/siglip_vision';
import { preset } from 'gemma-3ncore/schema/presets';
import { buildStudent } from 'gemma-3ncore/student_model';
import { writeFullModel } from 'gemma-3ncore/student_files';
import { toFile } from 'gemma-3ncore/tree/layout';
import { disposeParams, trainableVariables } from 'gemma-3ncore/tree/params';
import { rootKey } from 'gemma-3ncore/tree/random';
import { flattenSpec, type Params, type Spec } from 'gemma-3ncore/tree/spec';
import { openStudentBase, openTeacher } from 'gemma-3ncore/weights';

export type Named = Record<string, tf.Tensor>;

/** Writes the tensors as `input.*` and `output.*`, and disposes them. */
export async function writeCase(folder: string, about: object, input: Named, output: Named): Promise<void> {
  const all = [
    ...Object.entries(input).map(([n, x]) => [`input.${n}`, x]),
    ...Object.entries(output).map(([n, x]) => [`output.${n}`, x]),
  ];
  const entries = (all as [string, tf.Tensor][]).map(
    ([name, x]) => [name, float32Data(x.dataSync<'float32'>(), x.shape)] as const,
  );
  await writeSafetensors(join(folder, 'io.safetensors'), new Map(entries));
  await writeJson(join(folder, 'case.json'), about);
  tf.dispose([input, output]);
}

export const images = (size: readonly [number, number], seed: number, low: number): tf.Tensor4D =>
  tf.randomUniform([2, ...size, 3], low, 1, 'float32', seed) as tf.Tensor4D;

/** Adapters that change something: B starts at zero. */
function stirred<P extends Params>(params: P, spec: Spec, config: ReturnType<typeof loraConfig>): P {
  const adapted = wrapLora(params, spec, config, rootKey(3));
  let seed = 100;
  for (const [name, variable] of trainableVariables(adapted)) {
    if (!name.endsWith('.lora_B')) continue;
    tf.tidy(() => variable.assign(tf.randomNormal(variable.shape, 0, 0.05, 'float32', seed++)));
  }
  return adapted;
}

export const prefixed = (prefix: string, named: Named): Named =>
  Object.fromEntries(Object.entries(named).map(([name, x]) => [`${prefix}.${name}`, x]));

/** A tower as a folder in the hub's layout: the miniature's own files, or random weights that are saved. */
export async function writeTower(folder: string, weights: string, params: Params, spec: Spec): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const drawn = weights.startsWith('random:');
  const source = drawn
    ? projectPath('data-manifests', 'configs', `${weights.slice(7)}.json`)
    : projectPath('data-manifests', 'miniatures', weights, 'config.json');
  cpSync(source, join(folder, 'config.json'));
  const file = join(folder, 'model.safetensors');
  if (drawn) await saveParams(file, params, spec);
  else cpSync(projectPath('data-manifests', 'miniatures', weights, 'model.safetensors'), file);
}

/** Every feature of a SigLIP tower, the position table interpolated where the images are of another size. */
export async function siglipCase(root: string, name: string, weights: string, size: [number, number]): Promise<void> {
  const folder = join(root, name);
  const { params, config } = openTeacher(weights, 4);
  const interpolate = size[0] !== config.image_size || size[1] !== config.image_size;
  await writeTower(folder, weights, params, siglip.spec(config));
  const pixels = images(size, 5, -1);
  const { position_embedding: table, ...output } = siglip.forward(params, pixels, config, {
    interpolatePosEncoding: interpolate,
  });
  table?.dispose();
  await writeCase(folder, { kind: 'siglip', interpolate }, { images: pixels }, output);
  disposeParams(params);
}

const stagesAndOutput = ['stage.0', 'stage.1', 'stage.2', 'stage.3', 'output'];

/** Every stage and the output of a MobileNetV5 encoder. */
export async function encoderCase(root: string, name: string, weights: string, size: [number, number]): Promise<void> {
  const folder = join(root, name);
  const { params, config } = openStudentBase(weights, 4);
  await writeTower(folder, weights, params, mobilenet.spec(config));
  await writeJson(join(folder, 'config.json'), config);
  const pixels = images(size, 6, 0);
  const output = mobilenet.forward(params, pixels, config, { features: stagesAndOutput });
  await writeCase(folder, { kind: 'encoder' }, { images: pixels }, { ...output });
  disposeParams(params);
}

/** The student with its adapters merged, as a run exports it. */
export async function studentCase(root: string, name: string): Promise<void> {
  const folder = join(root, name);
  mkdirSync(folder);
  const student = buildStudent(preset('phantom'), []);
  let seed = 200;
  for (const [path, variable] of trainableVariables(student.params.backbone)) {
    if (!path.endsWith('.lora_B')) continue;
    tf.tidy(() => variable.assign(tf.randomNormal(variable.shape, 0, 0.05, 'float32', seed++)));
  }
  await writeFullModel(folder, student);
  const [ED, ES] = [images([112, 112], 7, 0), images([112, 112], 8, 0)];
  const { targets } = student.forward({ ED, ES });
  await writeCase(folder, { kind: 'student' }, { ED, ES }, { targets });
  student.dispose();
}

/** Steps of training the whole student on one batch: losses, norms of the gradients, final weights. */
export async function trainingCase(root: string, name: string): Promise<void> {
  const folder = join(root, name);
  mkdirSync(folder);
  const experiment = { ...preset('tiny'), adapter: null };
  const student = buildStudent(experiment, []);
  await writeFullModel(folder, student);
  const variables = trainedVariables(student, []);
  const trained = [...variables.values()];
  const { optimizer: options, max_grad_norm } = planOf(experiment);
  const optimizer = createAdamW(trained, options);
  const step = createTrainStep({ student, bridges: [], variables: trained, optimizer, max_grad_norm });
  const [ED, ES] = [images([64, 64], 10, 0), images([64, 64], 11, 0)];
  const targets = tf.tensor2d([
    [0.5, -1, 0.25],
    [-0.5, 1, 0.75],
  ]);
  const given = { taskWeights: tf.fill<tf.Rank.R1>([2], 0.5), featureWeights: tf.zeros<tf.Rank.R1>([2]) };
  const seed = tf.tensor1d([0, 0], 'int32');
  const output: Record<string, tf.Tensor> = {};
  const rates = [5e-4, 1e-3, 1e-3, 5e-4, 2e-4, 1e-4];
  for (const [i, rate] of rates.entries()) {
    const { task } = await step.accumulate({ ED, ES, known: [], targets, ...given, seed, teacher: [] });
    output[`loss.${i}`] = tf.mean(task);
    const corrections = biasCorrections(options, i + 1);
    const scalars = { rate: tf.scalar(rate), correction1: tf.scalar(corrections.correction1) };
    const correction2 = tf.scalar(corrections.correction2);
    output[`norm.${i}`] = await step.apply({ ...scalars, correction2 });
    tf.dispose([task, ...Object.values(scalars), correction2]);
  }
  tf.dispose([...Object.values(given), seed]);
  const specs = flattenSpec(student.spec);
  for (const [path, variable] of variables) {
    const { layout, shape } = specs.get(path)!;
    output[path] = tf.tensor(toFile(variable, layout), [...shape]);
  }
  const { betas, eps, weight_decay } = options;
  const about = { kind: 'training', rates, betas, eps, weight_decay, max_grad_norm };
  await writeCase(folder, about, { ED, ES, targets }, output);
  step.dispose();
  optimizer.dispose();
  student.dispose();
}

/** A PEFT folder and its base, and what our adapted and our merged model give. */
export async function encoderAdapterCase(root: string, name: string, weights: string, rslora: boolean): Promise<void> {
  const folder = join(root, name);
  const { params: base, config } = openStudentBase(weights, 4);
  const spec = mobilenet.spec(config);
  await writeTower(join(folder, 'base'), weights, base, spec);
  await writeJson(join(folder, 'base', 'config.json'), config);
  const { target_modules } = preset('phantom').adapter!;
  const lora = loraConfig({ r: 4, lora_alpha: 8, target_modules, use_rslora: rslora } as Parameters<
    typeof loraConfig
  >[0]);
  const params = stirred(base, spec, lora);
  mkdirSync(join(folder, 'adapter'));
  await saveAdapter(join(folder, 'adapter'), params, spec, lora);
  const pixels = images([96, 80], 9, 0);
  const merged = mergeLora(params);
  const run = (of: typeof params): Named => mobilenet.forward(of, pixels, config, { features: stagesAndOutput });
  const output = { ...prefixed('adapted', run(params)), ...prefixed('merged', run(merged)) };
  await writeCase(folder, { kind: 'adapter', base: 'encoder' }, { images: pixels }, output);
  disposeParams(merged);
  disposeParams(params);
}

/** As {@link encoderAdapterCase} on SigLIP's attention and MLP. */
export async function siglipAdapterCase(root: string, name: string, weights: string): Promise<void> {
  const folder = join(root, name);
  const { params: base, config } = openTeacher(weights, 4);
  const spec = siglip.spec(config);
  await writeTower(join(folder, 'base'), weights, base, spec);
  const target_modules = '.*encoder\\.layers\\.\\d+\\.(self_attn\\.(q_proj|v_proj|out_proj)|mlp\\.fc1)';
  const lora = loraConfig({ r: 4, lora_alpha: 8, target_modules } as Parameters<typeof loraConfig>[0]);
  const params = stirred(base, spec, lora);
  mkdirSync(join(folder, 'adapter'));
  await saveAdapter(join(folder, 'adapter'), params, spec, lora);
  const pixels = images([config.image_size, config.image_size], 10, -1);
  const merged = mergeLora(params);
  const run = (of: typeof params): Named =>
    siglip.forward(of, pixels, config, { features: ['hidden_states.1', 'last_hidden_state'] });
  const output = { ...prefixed('adapted', run(params)), ...prefixed('merged', run(merged)) };
  await writeCase(folder, { kind: 'adapter', base: 'siglip' }, { images: pixels }, output);
  disposeParams(merged);
  disposeParams(params);
}

/** Half-precision entries over the whole range, subnormal ones and ties among them. */
export async function halfCase(root: string, name: string): Promise<void> {
  const folder = join(root, name);
  mkdirSync(folder);
  const values = Float32Array.from({ length: 60000 }, (_, i) => Math.sin(i) * 2 ** ((i % 44) - 28));
  const ties = Float32Array.from({ length: 4096 }, (_, i) => (2048 + i / 2) * 2 ** ((i % 28) - 24));
  const all = { values, ties };
  const stored = Object.entries(all).map(([entry, x]) => [entry, float16Data(x, [x.length])] as const);
  await writeSafetensors(join(folder, 'shard.safetensors'), new Map(stored));
  const tensors = (): Named => ({ values: tf.tensor1d(values), ties: tf.tensor1d(ties) });
  await writeCase(folder, { kind: 'half' }, tensors(), tensors());
}
