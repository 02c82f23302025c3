import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { layoutOfB, loraTargets } from '../adapters/lora_targets.js';
import { loadAdapter } from '../adapters/peft_files.js';
import type { Bridge, Student } from '../distill/student.js';
import type { MicroBatch } from '../distill/micro_batch.js';
import { trainedVariables, type Variables } from '../distill/variables.js';
import { readJsonObject } from '../files/json.js';
import { openSafetensors, type OpenTensorSource } from '../files/safetensors.js';
import { loadCheckpoint } from '../models/checkpoint.js';
import * as echo from '../models/echo_student.js';
import * as mobilenet from '../models/mobilenet_v5.js';
import { mobilenetV5Config } from '../models/mobilenet_v5_config.js';
import * as projector from '../models/projector.js';
import * as siglip from '../models/siglip_vision.js';
import { patchGrid, siglipVisionConfig } from '../models/siglip_vision_config.js';
import { dense } from '../tree/leaf.js';
import { disposeParams, load, trainable, trainableVariables } from '../tree/params.js';
import type { Layout, Params } from '../tree/spec.js';
import { besideCase, withFile } from './case_file.js';
import { readKdFile, type KdFile } from './kd_spec.js';

/** A variable, or the rows of several, under the name the reference gives it. */
export interface GoldenParam {
  readonly name: string;
  /** Names of {@link trainedVariables}. */
  readonly variables: readonly string[];
  readonly layout: Layout;
}

interface Model {
  readonly student: Student;
  readonly bridges: readonly Bridge[];
  readonly params: readonly GoldenParam[];
}

/** A distillation of goldens/kd, ready to be trained. */
export interface KdCase extends Model {
  readonly file: KdFile;
  readonly variables: Variables;
  /** Of a micro-batch. */
  readonly studies: number;
  /** A micro-batch in which every study counts `weights`; the caller owns it. */
  batch(index: number, weights: { readonly task: number; readonly feature: number }): MicroBatch;
  dispose(): void;
}

/** What a case holds, whether it could be loaded to the end or not. */
class Owned {
  private readonly frees: (() => void)[] = [];

  add(free: () => void): void {
    this.frees.push(free);
  }

  params<P extends Params>(params: P): P {
    this.add(() => disposeParams(params));
    return params;
  }

  release(): void {
    for (const free of this.frees.splice(0)) free();
  }
}

/** Loads parameters wholly or, where one is missing, none. */
function wholly<P extends Params>(load: () => P): P {
  return tf.tidy(() => load() as unknown as tf.TensorContainer) as unknown as P;
}

function read(file: OpenTensorSource, name: string): tf.Tensor {
  return tf.tensor(file.read(name), [...file.shapeOf(name)]);
}

/** Bytes NCHW as NHWC in [0, 1]; owned by the caller. */
function frames(file: OpenTensorSource, name: string): tf.Tensor4D {
  return tf.tidy(() => tf.div(tf.transpose(read(file, name), [0, 2, 3, 1]), 255)) as tf.Tensor4D;
}

/** The reference's head.0 is the fusion, the rows of its head.2 the heads of EDV, ESV and EF. */
function headParams(file: OpenTensorSource) {
  const row = (name: string, i: number): tf.Tensor =>
    tf.tidy(() => {
      const all = read(file, name);
      return tf.slice(all, i, 1);
    });
  const head = (i: number) => ({
    weight: dense(row('head.2.weight', i)),
    bias: dense(row('head.2.bias', i)),
  });
  return {
    fusion: { weight: dense(read(file, 'head.0.weight')), bias: dense(read(file, 'head.0.bias')) },
    heads: { EDV: head(0), ESV: head(1), EF: head(2) },
  };
}

function projectorParams(file: OpenTensorSource): projector.ProjectorParams {
  const type = [...file.names()].includes('projector.weight') ? 'linear' : 'mlp';
  const [out_channels = 0, in_channels = 0] = file.shapeOf(
    type === 'linear' ? 'projector.weight' : 'projector.0.weight',
  );
  return load(projector.spec({ type, in_channels, out_channels }), file, (path) => `projector.${path}`);
}

/** The teacher's pooled maps of every micro-batch, ED above ES; the caller owns them. */
function teacherMaps(folder: string, batches: OpenTensorSource, { spec, teacher }: KdFile): tf.Tensor4D[] {
  const base = besideCase(folder, teacher.base);
  const where = join(base, 'config.json');
  const config = siglipVisionConfig(readJsonObject(where), where);
  const params = loadCheckpoint(siglip.spec(config), base, siglip.siglipAnchor);
  const mapOf = (k: number): tf.Tensor4D =>
    tf.tidy(() => {
      const images = tf.concat([frames(batches, `ed_teacher.${k}`), frames(batches, `es_teacher.${k}`)]);
      const pixels = tf.div(tf.sub(images, 0.5), 0.5) as tf.Tensor4D;
      const { [teacher.feature]: tokens } = siglip.forward(params, pixels, config, {
        features: [teacher.feature],
        interpolatePosEncoding: true,
      });
      const [, height, width] = pixels.shape;
      return projector.pooledTeacherGrid(tokens as tf.Tensor3D, patchGrid(config, [height, width]), [
        spec.grid,
        spec.grid,
      ]);
    });
  try {
    return Array.from({ length: spec.num_micro_batches }, (_, k) => mapOf(k));
  } finally {
    disposeParams(params);
  }
}

function loadModel(folder: string, { spec, student }: KdFile, owned: Owned): Model {
  const base = besideCase(folder, student.base);
  const where = join(base, 'config.json');
  const backbone = mobilenetV5Config({ ...readJsonObject(where), ...student.overrides }, where);
  const backboneSpec = mobilenet.spec(backbone);
  const frozen = owned.params(loadCheckpoint(backboneSpec, base, mobilenet.mobilenetV5Anchor));
  const { params: adapted, config: lora } = loadAdapter(join(folder, 'adapter_init'), frozen, backboneSpec);
  owned.params(adapted);
  const { heads, projection } = withFile(join(folder, 'init_projector_head.safetensors'), (file) => ({
    heads: owned.params(trainable(wholly(() => headParams(file)))),
    projection: owned.params(trainable(wholly(() => projectorParams(file)))),
  }));
  const params: echo.EchoStudentParams = { backbone: adapted, ...heads };
  const config = { backbone, fusion_size: heads.fusion.bias.value.size };
  const bridge: Bridge = {
    ...{ name: 'kd', feature: 'output', grid: spec.grid, params: projection },
    project: (pooled) => projector.forward(projection, pooled),
  };
  const updates = loraTargets(backboneSpec, lora).flatMap(({ path, module, layout }): GoldenParam[] => [
    { name: `student.${module}.lora_A.weight`, variables: [`backbone.${path}.lora_A`], layout },
    { name: `student.${module}.lora_B.weight`, variables: [`backbone.${path}.lora_B`], layout: layoutOfB(layout) },
  ]);
  const of = (name: string, ...variables: string[]): GoldenParam => ({ name, variables, layout: 'same' });
  const parts = ['weight', 'bias'].flatMap((part) => [
    of(`head.0.${part}`, `fusion.${part}`),
    of(`head.2.${part}`, ...echo.targetNames.map((target) => `heads.${target}.${part}`)),
  ]);
  const projectors = [...trainableVariables(projection).keys()].map((path) =>
    of(`projector.${path}`, `projectors.kd.${path}`),
  );
  const forward: Student['forward'] = (pair, dropoutKey) =>
    echo.forward(params, pair, config, { features: ['output'], dropoutKey });
  return { student: { params, forward }, bridges: [bridge], params: [...updates, ...parts, ...projectors] };
}

/**
 * Loads a case of goldens/kd with the bases it names; the caller disposes it.
 * @throws BadInput naming what is missing or damaged.
 */
export function loadKdCase(folder: string): KdCase {
  const owned = new Owned();
  try {
    return openKdCase(folder, owned);
  } catch (error) {
    owned.release();
    throw error;
  }
}

function openKdCase(folder: string, owned: Owned): KdCase {
  const file = readKdFile(join(folder, 'kd.json'));
  const model = loadModel(folder, file, owned);
  const { student, bridges } = model;
  const batches = openSafetensors(join(folder, 'batches.safetensors'));
  owned.add(() => batches.close());
  const maps = tf.tidy(() => teacherMaps(folder, batches, file));
  owned.add(() => tf.dispose(maps));
  return {
    ...model,
    file,
    variables: trainedVariables(student, bridges),
    studies: batches.shapeOf('target.0')[0] ?? 0,
    batch(index, weights) {
      const targets = read(batches, `target.${index}`) as tf.Tensor2D;
      const [B] = targets.shape;
      return {
        ED: frames(batches, `ed_student.${index}`),
        ES: frames(batches, `es_student.${index}`),
        known: [],
        targets,
        taskWeights: tf.fill([B], weights.task),
        featureWeights: tf.fill([B], weights.feature),
        seed: tf.tensor1d([0, 0], 'int32'),
        teacher: [tf.clone(maps[index] as tf.Tensor4D)],
      };
    },
    dispose: () => owned.release(),
  };
}
