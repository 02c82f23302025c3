import * as tf from '@tensorflow/tfjs';
import { SHAPE_KINDS } from '../data/phantom/shapes.js';
import * as mobilenet from '../models/mobilenet_v5.js';
import { mobilenetV5Config, type MobileNetV5Config } from '../models/mobilenet_v5_config.js';
import { initialise, trainable } from '../tree/params.js';
import { rootKey } from '../tree/random.js';
import { crossEntropy, head, headSpec, meanDistance, pixels, squaredError } from './heads.js';
import type { Built, Miniature } from './miniature.js';
import type { Recipe } from './recipe.js';
import { CELL_LABELS, CELLS, ELLIPSE } from './shapes.js';
import type { Task } from './task.js';

const recipe: Recipe = {
  seed: 2,
  phantomSeed: 900011,
  heldOutSeed: 900012,
  batch: 32,
  steps: 1100,
  rate: { peak: 1e-3, final: 1e-5, warmupSteps: 50 },
  optimizer: { betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.05 },
  max_grad_norm: 1,
  heldOutBatches: 16,
};

/** Side of the images, pixels; the architecture takes any. */
const SIZE = 112;

/** Bring the losses of ellipse and cells to the size of the kind's. */
const ELLIPSE_WEIGHT = 5;
const CELLS_WEIGHT = 5;

/** x `[B, C]` with mean 0 and variance 1 over the batch, since what images have in common is ten times what differs. */
function standardised(x: tf.Tensor): tf.Tensor {
  const { mean, variance } = tf.moments(x, 0, true);
  return tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, 1e-5)));
}

/** Share of shapes whose kind is recognised. */
function accuracy(logits: tf.Tensor, kinds: tf.Tensor): tf.Scalar {
  return tf.mean(tf.cast(tf.equal(tf.argMax(logits, -1), tf.argMax(kinds, -1)), 'float32')) as tf.Scalar;
}

/** The first two numbers of an ellipse. */
function centre(ellipse: tf.Tensor): tf.Tensor {
  return tf.slice(ellipse, [0, 0], [-1, 2]);
}

function initial(config: MobileNetV5Config, seed: number) {
  const C = config.num_features;
  const spec = {
    tower: mobilenet.spec(config),
    kinds: headSpec(C, SHAPE_KINDS.length),
    ellipse: headSpec(C, ELLIPSE),
    cells: headSpec(C, CELL_LABELS),
  };
  return { spec, params: trainable(initialise(spec, rootKey(seed))) };
}

function build(json: Parameters<Miniature['build']>[0]): Built {
  const config = mobilenetV5Config(json);
  const { spec, params } = initial(config, recipe.seed);
  const predict = (images: tf.Tensor4D): Record<'kinds' | 'ellipse' | 'cells', tf.Tensor> => {
    const features = ['output'];
    const map = mobilenet.forward(params.tower, pixels(images, 1 / 255, 0), config, { features })['output'];
    const rows = tf.reshape(map as tf.Tensor4D, [-1, CELLS * CELLS, config.num_features]);
    const pooled = standardised(tf.mean(rows, 1));
    return {
      kinds: head(pooled, params.kinds),
      ellipse: head(pooled, params.ellipse),
      cells: head(rows, params.cells),
    };
  };
  const task: Task = {
    subject: 'shapes',
    size: SIZE,
    targetShapes: [[SHAPE_KINDS.length], [ELLIPSE], [CELLS * CELLS, CELL_LABELS]],
    params,
    loss: (images, [kinds, ellipse, cells]) =>
      tf.tidy(() => {
        const found = predict(images);
        const ellipseLoss = tf.mul(squaredError(found.ellipse, ellipse as tf.Tensor), ELLIPSE_WEIGHT);
        const cellLoss = tf.mul(crossEntropy(found.cells, cells as tf.Tensor), CELLS_WEIGHT);
        return tf.addN([crossEntropy(found.kinds, kinds as tf.Tensor), ellipseLoss, cellLoss]) as tf.Scalar;
      }),
    measure: (images, [kinds, ellipse, cells]) =>
      tf.tidy(() => {
        const found = predict(images);
        const distance = meanDistance(centre(found.ellipse), centre(ellipse as tf.Tensor));
        return {
          kind_accuracy: accuracy(found.kinds, kinds as tf.Tensor),
          centre_error_px: tf.mul(distance, SIZE / 2),
          ellipse_mean_squared_error: squaredError(found.ellipse, ellipse as tf.Tensor),
          cell_cross_entropy: crossEntropy(found.cells, cells as tf.Tensor),
        };
      }),
  };
  return { task, tower: { params: params.tower, spec: spec.tower } };
}

/** The student's base: a MobileNetV5 encoder that has seen shapes in speckle and no heart. */
export const shapesBase: Miniature = {
  name: 'mobilenetv5-shapes',
  role: 'base',
  description:
    'MobileNetV5 encoder trained on generic shapes in ultrasound-like speckle: kind, centre, half axes and direction; it has seen no heart.',
  prefix: '',
  recipe,
  build,
};
