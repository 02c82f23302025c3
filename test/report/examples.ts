import { assessing, type Assessment } from 'gemma-3ncore/analysis/assessment';
import type { PredictionRow } from 'gemma-3ncore/analysis/predictions';
import type { ReportParts } from 'gemma-3ncore/report/report';
import { phantomStamp } from 'gemma-3ncore/report/wording';
import { labels, others, predicted, rowsOf } from '../analysis/sample.js';

export const hostile = '<script>alert("1")</script>';
export const settings = { B: 200, seed: 0, level: 0.95 };

/** Test predictions of three models, one study with a hostile name. */
export const rows: PredictionRow[] = [
  ...rowsOf('distilled', predicted),
  ...rowsOf('baseline', others),
  ...rowsOf(
    'mean',
    labels.map(() => 51.8),
  ),
].map((row) => (row.study === 's3' ? { ...row, study: hostile } : row));

/** The assessment at one go. */
function assess(): Assessment {
  const work = assessing(rows, settings);
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
  }
}

export const assessment = assess();

const preprocessing = {
  ...({ height: 112, width: 112, resample: 'bilinear', rescale_factor: 1 / 255 } as const),
  ...{ mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
};

/** A run of `steps` steps whose task loss falls from `start`. */
export function trainingRun(model: 'distilled' | 'baseline', start: number, steps = 20) {
  const history = Array.from({ length: steps }, (_, step) => ({
    ...{ step, stage: 'task', samples: 8, labelled: 8, feature: null, task: start * Math.exp(-step / 5), total: start },
    ...{ featureWeight: 1 - step / steps, taskWeight: step / steps, rate: 1e-3, gradientNorm: 1 },
  }));
  const validation = [10, 20].map((step) => ({ step, task: 1 / step, mae: [20 - step / 5, 12, 9 - step / 10] }));
  return { model, seed: 0, steps, seconds: 4, history, validation };
}

const cost = (name: string) => ({ name, parameters: 700_000, FLOPs: 2.1e9, ms: 12.5, MB: 2.8 });

export const reservoir: ReportParts<'reservoir'> = {
  ...{ title: 'Reservoir', stamps: [phantomStamp], tables: [] },
  body: {
    engine: {
      ...{ engine: 'tensorflow', canTrain: true, tfjs: '4.22.0', tensorflow: '2.20.0', device: 'cpu', gpus: [] },
      processor: { model: 'x86', threads: 2, instructions: ['avx2'] },
      ...{ memoryMB: 8000, node: '20.19.0', platform: 'linux x64', graphFunctions: true, fusedKernels: true },
      ...{ notTaken: [{ engine: 'wasm', reason: 'slower' }], environment: { TF_ENABLE_ONEDNN_OPTS: '1' } },
    },
    setup: { seconds: 61, steps: [{ name: 'npm ci', status: 'skipped', seconds: 0.1 }] },
    libraries: [
      {
        ...{ ecosystem: 'npm', name: 'ajv', requested: '8.20.0', locked: '8.20.0', installed: '8.20.0' },
        licence: 'MIT',
      },
    ],
    artifacts: [
      {
        ...{ name: 'miniature teacher', kind: 'model', role: 'teacher', status: 'present', licence: 'Apache-2.0' },
        ...{ terms_url: null, accepted: null, bytes: 2_800_000, sha256: 'a'.repeat(64) },
      },
    ],
    cost: { teacher: cost('miniature SigLIP'), student: cost('miniature MobileNetV5') },
    platform: { os: 'Linux', arch: 'x64', disk_free_MB: 1000 },
  },
};

export const conduit: ReportParts<'conduit'> = {
  ...{ title: 'Conduit', stamps: [phantomStamp], tables: [] },
  body: {
    dataset: { name: 'phantom', licence: 'Apache-2.0', restricted: false, phantom: true },
    counts: { TRAIN: { usable: 64, excluded: 1 }, TEST: { usable: 10, excluded: 0 } },
    excluded: [{ study: hostile, view: '4CH', split: 'TRAIN', reasons: ['no traced frames'] }],
    preprocessing: {
      teacher: preprocessing,
      student: preprocessing,
      augmentation: ['brightness'],
    },
    bridges: [
      {
        ...{ teacher: 'encoder.layers.3', student: 'blocks.2', grid: [8, 8], projector: '1×1 convolution' },
        shapes: { teacher: [8, 8, 96], student: [8, 8, 64], matched: [8, 8, 96] },
        ...{ parameters: 6240, bytes: 24576 },
      },
    ],
    device: 'CPU',
    precision: { chosen: 'fp32', reason: 'memory suffices' },
    estimates: { seconds: 120, memory_MB: 900, disk_MB: 50 },
  },
};

export const active: ReportParts<'active'> = {
  ...{ title: 'Active', stamps: [phantomStamp], tables: [] },
  body: {
    experiment: { preset: 'phantom' },
    seeds: [0],
    cohort: {
      TRAIN: { studies: 40, patients: 40, labelled_patients: 20 },
      VAL: { studies: 12, patients: 12, labelled_patients: 12 },
      TEST: { studies: 30, patients: 30, labelled_patients: 30 },
    },
    training: [trainingRun('distilled', 1.2), trainingRun('baseline', 1)],
    ...assessment,
    adapters: [
      {
        ...{ model: 'distilled', seed: 0, path: 'adapters/20260101T000000Z/distilled', bytes: 1000 },
        ...{ sha256: 'b'.repeat(64), parameters: 250 },
      },
    ],
    checkpoints: [{ model: 'distilled', seed: 0, path: 'checkpoints/20260101T000000Z/2', step: 2, bytes: 2000 }],
  },
};
