import { hashedStudy, type FrameSource } from 'gemma-3ncore/data/frame_source';
import type { DecodedStudy } from 'gemma-3ncore/data/frames';
import type { Split, Study } from 'gemma-3ncore/data/study';
import { cohortOf, type Cohort } from 'gemma-3ncore/training_data';
import { Random, fold, rootKey } from 'gemma-3ncore/tree/random';

/** A decoded study of grey noise, 64 × 64; the name decides pixels and labels. */
export function noiseStudy(id: string, split: Split): DecodedStudy {
  const random = new Random(fold(rootKey(5), id));
  const image = () => ({
    height: 64,
    width: 64,
    data: Uint8Array.from({ length: 64 * 64 }, () => random.integer(256)),
  });
  const EDV = 90 + random.integer(90);
  const EF = 25 + random.integer(45);
  const study = {
    ...{ id, patient: id, view: '4CH' as const, split, video: `${id}.avi`, edFrame: 0, esFrame: 1 },
    ...{ EDV, ESV: EDV * (1 - EF / 100), EF, fps: 30, numberOfFrames: 2 },
  };
  return {
    study,
    frames: { ED: image(), ES: image(), decoder: 'mjpeg', framing: { preparation: 'whole', spacing: [1, 1] } },
  };
}

/** `train` TRAIN studies between which two of VAL and two of TEST stand. */
export function noiseStudies(train: number): DecodedStudy[] {
  const ofTrain = Array.from({ length: train }, (_, i) => noiseStudy(`train-${i}`, 'TRAIN'));
  const others = [noiseStudy('val-0', 'VAL'), noiseStudy('test-0', 'TEST'), noiseStudy('val-1', 'VAL')];
  return [...ofTrain.slice(0, 1), ...others, ...ofTrain.slice(1), noiseStudy('test-1', 'TEST')];
}

/** A cohort whose frames are in memory. */
export function cohortInMemory(studies: readonly DecodedStudy[], labelled: number | null = null): Cohort {
  const framesOf = new Map(studies.map(({ study, frames }) => [study, frames]));
  const source: FrameSource = {
    prefetch: () => undefined,
    read: ({ study }: { study: Study }) => Promise.resolve(framesOf.get(study)!),
  };
  return cohortOf(studies.map(hashedStudy), source, labelled);
}
