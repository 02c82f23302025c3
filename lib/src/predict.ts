import * as tf from '@tensorflow/tfjs';
import { openClip, type Clip, type ClipOptions } from './data/clip.js';
import { findClipCycle } from './data/clip_cycle.js';
import type { Cycle } from './data/cycle.js';
import { ejectionFraction } from './data/labels.js';
import { preprocess } from './data/preprocess.js';
import type { Framing, GreyImage } from './data/study.js';
import { createPredictor, type Predictor } from './distill/predict.js';
import { destandardise, type Targets } from './distill/targets.js';
import { openEngine } from './engine/open.js';
import { matchFrames, type FrameMatch } from './frame_warnings.js';
import { BadInput } from './host/errors.js';
import { openTrainedStudent, type TrainedStudent } from './trained_student.js';

/** The two frames, 0-based. */
export interface ChosenFrames {
  readonly edFrame: number;
  readonly esFrame: number;
  /** How they were found; null for frames that were given. */
  readonly found: Pick<Cycle, 'confidence' | 'sure' | 'doubts' | 'curve'> | null;
}

/** What a student reads from one clip. For research only; not for clinical use. */
export interface Prediction extends ChosenFrames, Framing, Omit<FrameMatch, 'warnings'> {
  readonly kind: 'prediction';
  readonly file: string;
  /** The view that the adapter was trained on; nothing checks that the clip shows it. */
  readonly view: string;
  /** Whether the student's base is more than random weights or a miniature, which never saw a patient. */
  readonly forPatients: boolean;
  readonly frames: number;
  readonly fps: number | null;
  readonly decoder: Clip['decoder'];
  /** mL. */
  readonly EDV: number;
  /** mL. */
  readonly ESV: number;
  /** The EF head's, %. */
  readonly EF: number;
  /** 100 · (EDV − ESV)/EDV of the predicted volumes, %; null where EDV is not positive. */
  readonly EF_from_volumes: number | null;
  /** What speaks against believing it, one sentence each. */
  readonly warnings: readonly string[];
  readonly images: { readonly ED: GreyImage; readonly ES: GreyImage };
}

/** A file that could not be used. */
export interface Refusal {
  readonly kind: 'refused';
  readonly file: string;
  readonly reason: string;
}

export interface PredictOptions extends ClipOptions {
  /** End-diastolic frame, 0-based; given with `es`, or both are found. */
  readonly ed?: number | undefined;
  readonly es?: number | undefined;
}

/** EF head and volumes further apart than this are told, percentage points. */
const efTolerance = 5;

interface Choice extends ChosenFrames {
  readonly images: Prediction['images'];
}

/** The frames that are given, else those that the motion of the picture shows. */
async function chooseFrames(clip: Clip, options: PredictOptions): Promise<Choice> {
  const { ed, es } = options;
  if (ed !== undefined && es !== undefined) {
    const [ED, ES] = (await clip.read([ed, es], options)) as [GreyImage, GreyImage];
    return { edFrame: ed, esFrame: es, found: null, images: { ED, ES } };
  }
  if (ed !== undefined || es !== undefined) {
    const fix = 'give both, or neither to have them found';
    throw new BadInput({ where: clip.name, expected: 'the ED and the ES frame', got: 'one of them', fix });
  }
  const { edFrame, esFrame, images, ...found } = await findClipCycle(clip, options);
  return { edFrame, esFrame, found, images };
}

function doubtsOf({ found }: ChosenFrames): string[] {
  if (found === null || found.sure) return [];
  const why = found.doubts.length > 0 ? `: ${found.doubts.join('; ')}` : '';
  return [`ED and ES were found with low confidence (${found.confidence.toFixed(2)})${why}; look at the picture.`];
}

function warningsOf(clip: Clip, { edFrame, esFrame }: ChosenFrames, [EDV, ESV, EF]: Targets, student: TrainedStudent) {
  const byVolumes = ejectionFraction(EDV, ESV);
  const found: [boolean, string][] = [
    [
      !student.forPatients,
      `The base ${student.info.base.weights} never saw a patient: its figures mean nothing on one.`,
    ],
    [clip.preparation === 'no sector', 'No ultrasound sector was found: the frames are used whole, text and all.'],
    [Number.isNaN(clip.fps), 'The file gives no frame rate.'],
    [edFrame === esFrame, 'ED and ES are the same frame.'],
    [!(EDV > 0 && ESV > 0 && ESV < EDV), 'The predicted volumes are impossible.'],
    [!(EF > 0 && EF < 100), 'The predicted EF is impossible.'],
    [
      EDV > 0 && Math.abs(EF - byVolumes) > efTolerance,
      `The EF of the volumes is ${byVolumes.toFixed(1)} %, that of the EF head ${EF.toFixed(1)} %.`,
    ],
  ];
  return found.flatMap(([holds, text]) => (holds ? [text] : []));
}

async function predictOne(
  file: string,
  student: TrainedStudent,
  predictor: Predictor,
  options: PredictOptions,
): Promise<Prediction> {
  const clip = await openClip(file, options);
  const { images, ...chosen } = await chooseFrames(clip, options);
  const inputs = {
    ED: preprocess([images.ED], student.preprocessing),
    ES: preprocess([images.ES], student.preprocessing),
  };
  const output = await predictor.predict(inputs);
  const [row] = (await output.array()) as unknown as [Targets];
  tf.dispose([inputs.ED, inputs.ES, output]);
  const targets = destandardise(row, student.info);
  const [EDV, ESV, EF] = targets;
  const { decoder, preparation, spacing, frames, fps } = clip;
  const { height, width } = images.ED;
  const { warnings, ...match } = matchFrames(
    { height, width, preparation, spacing },
    student.info.trainingFrames,
    student.preprocessing,
  );
  return {
    kind: 'prediction',
    ...{
      file,
      view: student.info.view,
      forPatients: student.forPatients,
      frames,
      fps: Number.isFinite(fps) ? fps : null,
      decoder,
      preparation,
      spacing,
    },
    ...match,
    ...chosen,
    ...{ EDV, ESV, EF, EF_from_volumes: EDV > 0 ? ejectionFraction(EDV, ESV) : null },
    warnings: [...doubtsOf(chosen), ...warningsOf(clip, chosen, targets, student), ...warnings],
    images,
  };
}

/**
 * EDV (mL), ESV (mL) and EF (%) of clips of one's own (AVI, MP4, MOV, ultrasound DICOM) by the student in an adapter's folder,
 * in the order of the files. A file that cannot be used is {@link Refusal} and does not stop the others. For research only;
 * not for clinical use. @throws BadInput when the adapter cannot be opened.
 */
export async function predict(
  files: readonly string[],
  adapter: string,
  options: PredictOptions = {},
): Promise<(Prediction | Refusal)[]> {
  await openEngine();
  const student = openTrainedStudent(adapter);
  const predictor = createPredictor(student);
  const found: (Prediction | Refusal)[] = [];
  try {
    for (const file of files) {
      options.signal?.throwIfAborted();
      try {
        found.push(await predictOne(file, student, predictor, options));
      } catch (error) {
        if (!(error instanceof BadInput)) throw error;
        found.push({ kind: 'refused', file, reason: error.message });
      }
    }
    return found;
  } finally {
    predictor.dispose();
    student.dispose();
  }
}
