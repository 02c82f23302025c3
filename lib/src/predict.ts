import * as tf from '@tensorflow/tfjs';
import { clipSize, openClip, type Clip, type ClipOptions } from './data/clip.js';
import { findClipCycle } from './data/clip_cycle.js';
import { ejectionFraction } from './data/labels.js';
import { preprocess } from './data/preprocess.js';
import type { GreyImage } from './data/study.js';
import { createPredictor, type Predictor } from './distill/predict.js';
import { destandardise, type Targets } from './distill/targets.js';
import { openEngine } from './engine/open.js';
import { BadInput } from './host/errors.js';
import { openTrainedStudent, type TrainedStudent } from './trained_student.js';

/** The two frames (0-based) and where they come from. */
export interface ChosenFrames {
  readonly edFrame: number;
  readonly esFrame: number;
  readonly how: 'given' | 'found';
  /** 0 … 1; null for frames that were given. */
  readonly confidence: number | null;
}

/** What a student reads from one clip. For research only; not for clinical use. */
export interface Prediction extends ChosenFrames {
  readonly kind: 'prediction';
  readonly file: string;
  /** The view that the adapter was trained on; nothing checks that the clip shows it. */
  readonly view: string;
  readonly frames: number;
  readonly fps: number | null;
  readonly decoder: Clip['decoder'];
  readonly preparation: Clip['preparation'];
  /** Distance of neighbouring pixels of the prepared frames along x and y, mm. */
  readonly spacing: Clip['spacing'];
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

interface Choice {
  readonly chosen: ChosenFrames;
  readonly images: Prediction['images'];
  readonly doubts: readonly string[];
}

/** The frames that are given, else those that the motion of the picture shows. */
async function chooseFrames(clip: Clip, options: PredictOptions): Promise<Choice> {
  const { ed, es } = options;
  if (ed !== undefined && es !== undefined) {
    const [ED, ES] = (await clip.read([ed, es], options)) as [GreyImage, GreyImage];
    return {
      chosen: { edFrame: ed, esFrame: es, how: 'given', confidence: null },
      images: { ED, ES },
      doubts: [],
    };
  }
  if (ed !== undefined || es !== undefined) {
    const fix = 'give both, or neither to have them found';
    throw new BadInput({ where: clip.name, expected: 'the ED and the ES frame', got: 'one of them', fix });
  }
  const { edFrame, esFrame, confidence, sure, doubts, images } = await findClipCycle(clip, options);
  const why = doubts.length > 0 ? `: ${doubts.join('; ')}` : '';
  const warning = `ED and ES were found with low confidence (${confidence.toFixed(2)})${why}; look at the picture.`;
  return { chosen: { edFrame, esFrame, how: 'found', confidence }, images, doubts: sure ? [] : [warning] };
}

/** What the scale of the pixels says about the volumes, which no network can see. */
function scaleWarning({ spacing, preparation }: Clip): string {
  if (spacing === null) {
    return 'The file gives no pixel spacing: volumes hold only if a pixel is as large as in the training frames.';
  }
  const [x, y] = spacing.map((mm) => mm.toFixed(2));
  const depth = preparation === 'sector' ? ` (${((spacing[1] * clipSize) / 10).toFixed(1)} cm across)` : '';
  return (
    `A pixel of the prepared frames is ${x} × ${y} mm${depth}; that of the training frames is not recorded, and volumes go ` +
    'with the third power of the ratio (EF, itself a ratio, hardly).'
  );
}

function warningsOf(clip: Clip, chosen: ChosenFrames, [EDV, ESV, EF]: Targets, student: TrainedStudent): string[] {
  const { edFrame, esFrame } = chosen;
  const byVolumes = ejectionFraction(EDV, ESV);
  const found: [boolean, string][] = [
    [
      !student.forPatients,
      `The base ${student.info.base.weights} never saw a patient: its figures mean nothing on one.`,
    ],
    [true, scaleWarning(clip)],
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
  const { chosen, images, doubts } = await chooseFrames(clip, options);
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
  return {
    kind: 'prediction',
    ...{ file, view: student.info.view, frames, fps: Number.isFinite(fps) ? fps : null, decoder, preparation, spacing },
    ...chosen,
    ...{ EDV, ESV, EF, EF_from_volumes: EDV > 0 ? ejectionFraction(EDV, ESV) : null },
    warnings: [...doubts, ...warningsOf(clip, chosen, targets, student)],
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
