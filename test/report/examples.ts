import { assess } from 'gemma-3ncore/analysis/assessment';
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

export const assessment = assess(rows, settings);

const cost = (name: string) => ({ name, parameters: 700_000, FLOPs: 2.1e9, ms: 12.5, MB: 2.8 });

export const reservoir: ReportParts<'reservoir'> = {
  ...{ title: 'Reservoir', stamps: [phantomStamp], tables: [] },
  body: {
    engine: {
      ...{ name: 'tensorflow', version: '2.20.0', device: 'CPU', gpu: null, threads: 2, instruction_set: 'AVX2' },
      not_taken: [{ engine: 'GPU TensorFlow', reason: 'no GPU' }],
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
    platform: {
      ...{ os: 'Linux', arch: 'x64', node: 'v20.19.0', cpu: 'x86', cores: 2, memory_MB: 8000, disk_free_MB: 1000 },
    },
  },
};

export const conduit: ReportParts<'conduit'> = {
  ...{ title: 'Conduit', stamps: [phantomStamp], tables: [] },
  body: {
    dataset: { name: 'phantom', licence: 'Apache-2.0', restricted: false, phantom: true },
    counts: { TRAIN: { usable: 64, excluded: 1 }, TEST: { usable: 10, excluded: 0 } },
    excluded: [{ study: hostile, view: '4CH', split: 'TRAIN', reasons: ['no traced frames'] }],
    preprocessing: {
      teacher: { image_size: 112, range: [-1, 1], resize: 'bilinear' },
      student: { image_size: 128, range: [0, 1], resize: 'bilinear' },
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
    training: [
      { model: 'distilled', seed: 0, steps: 2, seconds: 4, history: [{ step: 1, task_loss: 1.2, feature_loss: null }] },
    ],
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
