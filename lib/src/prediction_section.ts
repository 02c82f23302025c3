import { basename } from 'node:path';
import { printable } from './host/text.js';
import type { Section } from './phase.js';
import type { Prediction, Refusal } from './predict.js';
import { predictionCurve, predictionMontage } from './prediction_figures.js';
import { table } from './report/table.js';

const columns = [
  { name: 'file', title: 'file' },
  { name: 'ED', title: 'ED', unit: 'frame' },
  { name: 'ES', title: 'ES', unit: 'frame' },
  { name: 'confidence', title: 'confidence of the frames', digits: 2 },
  { name: 'EDV', title: 'EDV', unit: 'mL', digits: 1 },
  { name: 'ESV', title: 'ESV', unit: 'mL', digits: 1 },
  { name: 'EF', title: 'EF', unit: '%', digits: 1 },
  { name: 'EF_from_volumes', title: '(EDV − ESV)/EDV', unit: '%', digits: 1 },
];

/** What `predict` found, for {@link show}: a table, the frames, the curves in which they were found, and the warnings. */
export function predictionSection(results: readonly (Prediction | Refusal)[]): Section {
  const used = results.filter((result): result is Prediction => result.kind === 'prediction');
  const rows = used.map(({ file, edFrame: ED, esFrame: ES, found, EDV, ESV, EF, EF_from_volumes }) => ({
    ...{ file: printable(basename(file)), ED, ES, confidence: found?.confidence ?? null },
    ...{ EDV, ESV, EF, EF_from_volumes },
  }));
  const figures = used.flatMap((prediction) => {
    const curve = predictionCurve(prediction);
    return [predictionMontage(prediction), ...(curve === undefined ? [] : [curve])];
  });
  const notes = results.flatMap((result) => {
    const name = printable(basename(result.file));
    if (result.kind === 'refused') return [`Not used: ${result.reason}`];
    return result.warnings.map((warning) => `${name}: ${warning}`);
  });
  const tables = rows.length > 0 ? [table('predictions', 'Predicted from ED and ES', rows, columns)] : [];
  return { tables, figures, notes };
}
