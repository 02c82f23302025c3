import { bytesAt, planBridges } from './bridges.js';
import { formatSeconds } from './host/clock.js';
import type { Experiment } from './schema/generated/experiment.js';

/** Bytes of the stored features of a TRAIN frame; bridges that match the same map share it. */
export function featureBytes(experiment: Experiment): number {
  const { feature_dtype: dtype } = experiment.teacher;
  const maps = new Map(
    planBridges(experiment).map((bridge) => {
      const { teacher, grid } = bridge.config;
      return [`${teacher} ${grid}`, bytesAt(bridge, grid, dtype)];
    }),
  );
  return [...maps.values()].reduce((sum, bytes) => sum + bytes, 0);
}

const longHours = 2;

/** What to do about teacher features that will take hours on this device; nothing to say about short ones. */
export function longFeaturesAdvice(seconds: number, frames: number, device: string): string | undefined {
  if (seconds < longHours * 3600) return undefined;
  const gpu = device === 'gpu' ? '' : ' A GPU needs a small part of that; how small is not measured here.';
  return (
    `The teacher features of ${frames} frames will take about ${formatSeconds(seconds)} on this ${device === 'gpu' ? 'GPU' : 'processor'}.${gpu} ` +
    'Give --limit N for a taste, or let it run: what is computed stays in the cache at least every minute, and a run ' +
    'that was stopped goes on from there.'
  );
}
