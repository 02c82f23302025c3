import { basename } from 'node:path';
import type { Prediction } from './predict.js';
import type { Figure } from './report/figure.js';
import { cycleFigure } from './report/figures/cycle.js';
import { frameMontage, type Picture } from './report/figures/montage.js';
import { formatNumber } from './report/numbers.js';

const sharing = "Frames of a file of your own: share them only if its patient's consent and its terms allow.";

const demonstration = 'A demonstration without ground truth: this student never saw a patient.';

const oneDecimal = (value: number | null): string => formatNumber(value, 1);

/** The two frames of a prediction with its volumes and EF. */
export function predictionMontage(prediction: Prediction): Picture {
  const { file, edFrame, esFrame, EDV, ESV, EF, EF_from_volumes, forPatients, images } = prediction;
  const volumes = `EDV ${oneDecimal(EDV)} mL, ESV ${oneDecimal(ESV)} mL`;
  const caption = `${volumes}, EF ${oneDecimal(EF)} % (volumes ${oneDecimal(EF_from_volumes)} %)`;
  const study = `${basename(file)}: frames ${edFrame} and ${esFrame}`;
  const options = { side: 280, columns: 1, notes: forPatients ? [sharing] : [demonstration, sharing] };
  return frameMontage([{ study, ...images, caption }], 'Predicted from ED and ES', options);
}

/** The curve in which ED and ES were found; undefined where they were given. */
export function predictionCurve({ file, fps, edFrame, esFrame, found }: Prediction): Figure | undefined {
  if (found === null || fps === null) return undefined;
  return cycleFigure({ clip: basename(file), fps, edFrame, esFrame, ...found });
}
