import { loraTargets, trainedInFull } from './adapters/lora_targets.js';
import { planBridges } from './bridges.js';
import * as echoStudent from './models/echo_student.js';
import type { Experiment } from './schema/generated/experiment.js';
import { adapterConfig } from './student_model.js';
import { countParameters, flattenSpec, sizeOf, type ParamSpec, type Spec } from './tree/spec.js';
import { studentBaseConfig } from './weights.js';

/** Values of the encoder that an experiment trains. */
function trainedOfEncoder(experiment: Experiment, encoder: Spec): number {
  const adapter = adapterConfig(experiment);
  if (adapter === null) return countParameters(encoder);
  const specs = flattenSpec(encoder);
  const full = [...trainedInFull(encoder, adapter).keys()].map((path) => specs.get(path) as ParamSpec);
  const updates = loraTargets(encoder, adapter).flatMap(({ shapes: { A, B, magnitude = [0] } }) => [A, B, magnitude]);
  return [...full.map(({ shape }) => shape), ...updates].reduce((sum, shape) => sum + sizeOf(shape), 0);
}

/** What training keeps beside the forward pass, from the experiment alone; no weights are read. */
export interface TrainingCost {
  /** Trained values of encoder, fusion, heads and projectors. */
  readonly parameters: number;
  /** What they take at the peak. */
  readonly memoryBytes: number;
  /** Checkpoints and full models of all students, at most. */
  readonly diskBytes: number;
}

/**
 * Bytes of memory a trained value takes at the peak, as measured with 294 M of them (LOG.md): 48 in a step (itself, the sum of
 * gradients, two moments and what a step makes of them), the rest for the best weights so far and a checkpoint's copies.
 */
const peakBytes = 76;
/** Of a checkpoint: the value, two moments, the best so far, and the model's own file, 4 bytes each. */
const checkpointBytes = 20;

/** The cost of training's state; see {@link TrainingCost}. */
export function trainingCost(experiment: Experiment): TrainingCost {
  const { student, training } = experiment;
  const spec = echoStudent.spec({ backbone: studentBaseConfig(student.weights), fusion_size: student.fusion_size });
  const { backbone, ...regressor } = spec;
  const projectors = planBridges(experiment).reduce((sum, bridge) => sum + bridge.parameters, 0);
  const parameters = trainedOfEncoder(experiment, backbone) + countParameters(regressor) + projectors;
  // Those that are kept, the best one, and the next before an older one goes.
  const kept = (training.keep_checkpoints + 2) * checkpointBytes * parameters;
  const students = training.baseline ? 2 : 1;
  return {
    parameters,
    memoryBytes: peakBytes * parameters,
    diskBytes: students * (kept + 4 * countParameters(spec)),
  };
}
