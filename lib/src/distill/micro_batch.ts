import type * as tf from '@tensorflow/tfjs';

/** The inputs of one micro-batch of B studies, always of the same shapes; whoever made them owns them. */
export interface MicroBatch {
  readonly ED: tf.Tensor4D;
  readonly ES: tf.Tensor4D;
  /** Of a student that begins after its frozen prefix, that prefix's other maps: `[2B, h, w, c]`. */
  readonly known: readonly tf.Tensor4D[];
  /** Standardised, anything where unlabelled: `[B, 3]`. */
  readonly targets: tf.Tensor2D;
  /**
   * What each study's task loss counts in the step: task weight / labelled studies of the whole group; 0 for unlabelled
   * and padding. Gradients of the micro-batches then add up to that of the group's mean. `[B]`
   */
  readonly taskWeights: tf.Tensor1D;
  /** The same for the feature loss: feature weight / studies of the whole group; 0 for padding. `[B]` */
  readonly featureWeights: tf.Tensor1D;
  /** Of this micro-batch's dropout: int32 `[2]`. */
  readonly seed: tf.Tensor1D;
  /** The teacher's pooled map of every bridge, ED above ES: `[2B, g, g, Ct]`. */
  readonly teacher: readonly tf.Tensor4D[];
}

/** The tensors of a micro-batch in a fixed order, as a compiled step takes them. */
export function batchTensors(batch: MicroBatch): tf.Tensor[] {
  const { ED, ES, targets, taskWeights, featureWeights, seed, known, teacher } = batch;
  return [ED, ES, targets, taskWeights, featureWeights, seed, ...known, ...teacher];
}

/** The inverse of {@link batchTensors}, of a batch with so many of the teacher's maps. */
export function batchOf(tensors: readonly tf.Tensor[], bridges: number): MicroBatch {
  const [ED, ES, targets, taskWeights, featureWeights, seed, ...maps] = tensors;
  const [known, teacher] = [maps.slice(0, maps.length - bridges), maps.slice(maps.length - bridges)];
  return { ED, ES, targets, taskWeights, featureWeights, seed, known, teacher } as MicroBatch;
}
