import * as tf from '@tensorflow/tfjs';
import { LV_CAVITY } from '../data/mask_labels.js';
import * as siglip from '../models/siglip_vision.js';
import { siglipVisionConfig, type SiglipVisionConfig } from '../models/siglip_vision_config.js';
import { initialise, trainable } from '../tree/params.js';
import { rootKey } from '../tree/random.js';
import { head, headSpec, crossEntropy, meanDistance, pixels, squaredError } from './heads.js';
import { COORDINATES, LABELS, tokenSide } from './hearts.js';
import type { Built, Miniature } from './miniature.js';
import type { Recipe } from './recipe.js';
import type { Task } from './task.js';

const recipe: Recipe = {
  seed: 1,
  phantomSeed: 900001,
  heldOutSeed: 900002,
  batch: 24,
  steps: 1500,
  rate: { peak: 1e-3, final: 1e-5, warmupSteps: 100 },
  optimizer: { betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.05 },
  max_grad_norm: 1,
  heldOutBatches: 16,
};

/** Brings the landmarks' loss to the size of the areas'. */
const LANDMARK_WEIGHT = 10;

/** Cavity of the left ventricle in a map of labels, as 0 and 1. */
function cavity(shares: tf.Tensor): tf.Tensor {
  return tf.cast(tf.equal(tf.argMax(shares, -1), LV_CAVITY), 'float32');
}

/** Dice of the tokens that show mostly cavity, predicted against true, over the batch. */
function cavityDice(logits: tf.Tensor, fractions: tf.Tensor): tf.Scalar {
  const [predicted, known] = [cavity(logits), cavity(fractions)];
  return tf.div(tf.mul(2, tf.sum(tf.mul(predicted, known))), tf.add(tf.sum(predicted), tf.sum(known)));
}

function initial(config: SiglipVisionConfig, seed: number) {
  const D = config.hidden_size;
  const spec = { tower: siglip.spec(config), areas: headSpec(D, LABELS), landmarks: headSpec(D, COORDINATES) };
  return { spec, params: trainable(initialise(spec, rootKey(seed))) };
}

function build(json: Parameters<Miniature['build']>[0]): Built {
  const config = siglipVisionConfig(json);
  const { spec, params } = initial(config, recipe.seed);
  const size = config.image_size;
  const tokens = tokenSide(size) ** 2;
  const predict = (images: tf.Tensor4D): { areas: tf.Tensor; landmarks: tf.Tensor } => {
    const features = ['last_hidden_state'];
    const x = siglip.forward(params.tower, pixels(images, 2 / 255, -1), config, { features })['last_hidden_state'];
    const hidden = x as tf.Tensor3D;
    return { areas: head(hidden, params.areas), landmarks: head(tf.mean(hidden, 1), params.landmarks) };
  };
  const task: Task = {
    subject: 'hearts',
    size,
    targetShapes: [[tokens, LABELS], [COORDINATES]],
    params,
    loss: (images, [fractions, points]) =>
      tf.tidy(() => {
        const { areas, landmarks } = predict(images);
        const pointLoss = tf.mul(squaredError(landmarks, points as tf.Tensor), LANDMARK_WEIGHT);
        return tf.add(crossEntropy(areas, fractions as tf.Tensor), pointLoss);
      }),
    measure: (images, [fractions, points]) =>
      tf.tidy(() => {
        const { areas, landmarks } = predict(images);
        return {
          lv_dice_token_grid: cavityDice(areas, fractions as tf.Tensor),
          area_cross_entropy: crossEntropy(areas, fractions as tf.Tensor),
          landmark_error_px: tf.mul(meanDistance(landmarks, points as tf.Tensor), size / 2),
        };
      }),
  };
  return { task, tower: { params: params.tower, spec: spec.tower } };
}

/** The teacher: a SigLIP vision tower that knows where a phantom heart's chambers lie. */
export const geometryTeacher: Miniature = {
  name: 'siglip-geometry',
  role: 'teacher',
  description:
    'SigLIP vision tower trained on the geometry of phantom hearts: area fractions of cavity, myocardium and left atrium in each token, apex and mitral annulus; never volumes or EF.',
  prefix: 'vision_model.',
  recipe,
  build,
};
