import type { Experiment, Preprocessing } from './generated/experiment.js';

export const presetNames = ['tiny', 'phantom', 'medsiglip-gemma3n'] as const;
export type PresetName = (typeof presetNames)[number];

/** SigLIP's processor: to [−1, 1]. */
function siglipPreprocessing(size: number, resample: 'bilinear' | 'bicubic'): Preprocessing {
  const half = [0.5, 0.5, 0.5];
  return { height: size, width: size, resample, rescale_factor: 0.00392156862, mean: half, std: half };
}

/** MobileNetV5's in Gemma 3n: x/255 alone. */
function mobilenetPreprocessing(size: number): Preprocessing {
  return {
    height: size,
    width: size,
    resample: 'bilinear',
    rescale_factor: 1 / 255,
    mean: [0, 0, 0],
    std: [1, 1, 1],
  };
}

/** All 1×1 convolutions of MobileNetV5. */
const pointwise = '.*(conv_pwl|pw_exp\\.conv|pw_proj\\.conv|attn\\.(query|key|value|output)\\.proj)';

const adapter = {
  ...{ r: 8, lora_alpha: 16, lora_dropout: 0, target_modules: pointwise },
  ...{ use_rslora: false, use_dora: false },
};

/**
 * The embedded default: phantom echocardiograms and the miniatures, minutes on two cores. Few studies are labelled, as in a
 * new clinic: distillation also learns from the frames of the others, the baseline cannot.
 */
const phantom: Experiment = {
  preset: 'phantom',
  seed: 0,
  precision: 'auto',
  data: {
    dataset: 'phantom',
    root: null,
    limit: null,
    labelled: 64,
    phantom: { studies: 480, seed: 3, size: 112 },
  },
  teacher: {
    weights: 'siglip-geometry',
    preprocessing: siglipPreprocessing(112, 'bicubic'),
    feature_dtype: 'float32',
  },
  student: { weights: 'mobilenetv5-shapes', preprocessing: mobilenetPreprocessing(112), fusion_size: 64 },
  bridges: [{ teacher: 'last_hidden_state', student: 'stage.2', grid: 7, projector: 'linear' }],
  adapter,
  training: {
    steps: 300,
    feature_steps: 100,
    batch_size: 8,
    accumulation_steps: 2,
    learning_rate: 0.005,
    weight_decay: 0.01,
    warmup_steps: 20,
    clip_norm: 1,
    feature_weight: { kind: 'linear', start: 3, end: 1, patience: 3, factor: 0.5 },
    task_weight: { kind: 'constant', start: 1, end: 1, patience: 3, factor: 0.5 },
    feature_loss: 'mse',
    task_loss: 'mse',
    target_weights: { EDV: 1, ESV: 1, EF: 1 },
    consistency_weight: 0,
    monitor: 'task_loss',
    rate_plateau: null,
    early_stopping: null,
    decay_vectors: 'auto',
    balance_ef: false,
    augmentation: { gain: 0, speckle: 0, shadow: 0 },
    cache_prefix: true,
    validate_every: 50,
    checkpoint_every: 100,
    keep_checkpoints: 3,
    baseline: true,
  },
  analysis: { bootstrap_samples: 2000 },
};

/** Random weights and a handful of studies: tries the whole path in seconds; its figures mean nothing. */
const tiny: Experiment = {
  ...phantom,
  preset: 'tiny',
  data: { ...phantom.data, labelled: null, phantom: { studies: 24, seed: 2, size: 64 } },
  teacher: { ...phantom.teacher, weights: 'random:siglip-tiny', preprocessing: siglipPreprocessing(64, 'bicubic') },
  student: { weights: 'random:mobilenetv5-tiny', preprocessing: mobilenetPreprocessing(64), fusion_size: 16 },
  bridges: [{ teacher: 'last_hidden_state', student: 'stage.3', grid: 2, projector: 'linear' }],
  training: {
    ...phantom.training,
    steps: 8,
    feature_steps: 2,
    batch_size: 4,
    accumulation_steps: 1,
    warmup_steps: 2,
    validate_every: 4,
    checkpoint_every: 4,
  },
  analysis: { bootstrap_samples: 200 },
};

/** The real towers on EchoNet-Dynamic; the user accepts the providers' terms and gives the data root. */
const medsiglipGemma3n: Experiment = {
  ...phantom,
  preset: 'medsiglip-gemma3n',
  data: { ...phantom.data, dataset: 'echonet-dynamic', labelled: null },
  teacher: {
    weights: 'google/medsiglip-448',
    preprocessing: siglipPreprocessing(448, 'bicubic'),
    feature_dtype: 'float16',
  },
  student: {
    weights: 'timm/mobilenetv5_300m.gemma3n',
    preprocessing: mobilenetPreprocessing(256),
    fusion_size: 512,
  },
  bridges: [
    { teacher: 'last_hidden_state', student: 'stage.2', grid: 16, projector: 'linear' },
    { teacher: 'last_hidden_state', student: 'output', grid: 16, projector: 'linear' },
  ],
  adapter: { ...adapter, r: 16, lora_alpha: 32 },
  training: {
    ...phantom.training,
    steps: 4000,
    feature_steps: 1000,
    batch_size: 4,
    accumulation_steps: 8,
    learning_rate: 0.001,
    warmup_steps: 100,
    validate_every: 200,
    checkpoint_every: 200,
  },
};

/** The complete configuration of a preset; a new object each time. */
export function preset(name: PresetName): Experiment {
  const found = { tiny, phantom, 'medsiglip-gemma3n': medsiglipGemma3n }[name];
  return structuredClone(found);
}
