import type { Experiment } from 'gemma-3ncore/schema/generated/experiment';
import { preset } from 'gemma-3ncore/schema/presets';

/** The preset of the real experiment on a few phantoms, two steps of one study each, with other weights in the towers. */
export function realPresetOnPhantoms(teacher: string, student: string): Experiment {
  const real = preset('medsiglip-gemma3n');
  return {
    ...real,
    data: { ...real.data, dataset: 'phantom', limit: 2, phantom: { studies: 8, seed: 2, size: 112 } },
    teacher: { ...real.teacher, weights: teacher },
    student: { ...real.student, weights: student },
    training: {
      ...real.training,
      ...{ steps: 2, feature_steps: 1, batch_size: 1, accumulation_steps: 1, warmup_steps: 1 },
      ...{ validate_every: 2, checkpoint_every: 2, baseline: false },
    },
    analysis: { bootstrap_samples: 100 },
  };
}
