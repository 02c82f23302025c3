import { targets, unitOf, type Target } from './analysis/predictions.js';
import { meanAbsoluteError } from './analysis/regression.js';
import { fitRidge } from './analysis/ridge.js';
import type { HashedStudy } from './data/frame_source.js';
import { labelsOf } from './distill/data.js';
import type { Targets } from './distill/targets.js';
import { table } from './report/table.js';
import type { ConduitBody, ReportTable } from './schema/generated/reports.js';
import { probeMap, type TeacherFeatures } from './teacher_features.js';
import { cohortSizes, targetsOf, type Cohort } from './training_data.js';

/** A linear probe of the frozen teacher: what ridge regression reads from its pooled features. */
export interface TeacherProbe {
  readonly body: NonNullable<ConduitBody['probe']>;
  /** EDV, ESV (mL) and EF (%) of studies (indices into the cohort's) whose features are there. */
  predict(studies: readonly number[]): Map<number, Targets>;
}

/** On standardised features; the sum of squared errors is penalised, so that larger sets are penalised less by the same number. */
const penalties = [0.01, 0.1, 1, 10, 100, 1000, 10_000, 100_000];

/** With fewer VAL studies than this the penalty is chosen by leaving out each TRAIN study in turn. */
const fewestValidation = 10;

function byTarget<T>(values: readonly T[]): Record<Target, T> {
  return Object.fromEntries(targets.map((target, t) => [target, values[t] as T])) as Record<Target, T>;
}

/**
 * Fits the probe on the labelled TRAIN studies: ridge regression from the means over the frame of the teacher's last tokens,
 * ED and ES one after the other, standardised, to EDV, ESV and EF; one penalty a target. TEST is not looked at.
 */
export function fitTeacherProbe(cohort: Cohort, features: TeacherFeatures): TeacherProbe {
  const { studies, train, validation, decoded } = cohort;
  const labelled = train.filter((i) => studies[i]?.targets !== null);
  const labels = (indices: readonly number[]): Targets[] => labelsOf(cohort, indices);
  const trained = { features: features.pooled(labelled), targets: labels(labelled) };
  const held = { features: features.pooled(validation), targets: labels(validation) };
  const onValidation = validation.length >= fewestValidation;
  const choice = onValidation ? ({ by: 'validation', data: held } as const) : ({ by: 'leave-one-out' } as const);
  const ridge = fitRidge(trained, penalties, choice);
  const predict = (indices: readonly number[]): Map<number, Targets> => {
    const rows = ridge.predict(features.pooled(indices)) as unknown as Targets[];
    return new Map(indices.map((index, i) => [index, rows[i] as Targets]));
  };
  const predicted = [...predict(validation).values()];
  const mae = targets.map((target, t) => {
    const ofTarget = validation.map((i) => targetsOf((decoded[i] as HashedStudy).study)[t] as number);
    const error = (values: number[]): number => meanAbsoluteError(ofTarget, values);
    const mean = cohort.standardisation.mean[t] as number;
    return {
      ...{ target, unit: unitOf[target] },
      probe: error(predicted.map((row) => row[t] as number)),
      mean: error(validation.map(() => mean)),
    };
  });
  return {
    body: {
      layer: probeMap.layer,
      grid: [probeMap.grid, probeMap.grid],
      features: trained.features[0]?.length ?? 0,
      studies: {
        train: labelled.length,
        validation: validation.length,
        validation_patients: cohortSizes(cohort).VAL.patients,
      },
      chosen_by: onValidation ? 'VAL' : 'leave-one-out',
      penalties: byTarget(ridge.penalties),
      mae: validation.length === 0 ? [] : mae,
    },
    predict,
  };
}

/** The probe's errors on VAL beside those of predicting the mean of the training labels. */
export function probeTable({ mae, penalties: chosen }: TeacherProbe['body']): ReportTable {
  const rows = mae.map((row) => ({ ...row, penalty: chosen[row.target] }));
  const columns = [
    { name: 'target', title: 'target' },
    { name: 'probe', title: 'MAE of the probe', digits: 1 },
    { name: 'mean', title: 'MAE of the mean', digits: 1 },
    { name: 'unit', title: 'unit' },
    { name: 'penalty', title: 'penalty' },
  ];
  return table('teacher_probe', 'Linear probe of the teacher on VAL', rows, columns);
}

/** How the probe was made, in a sentence or two. */
export function probeNotes({ layer, grid, features, studies, chosen_by }: TeacherProbe['body']): string[] {
  const made =
    `Ridge regression from ${layer} of ED and ES, each averaged to ${grid.join('×')} (${features} features), ` +
    `on ${studies.train} labelled TRAIN studies; penalties chosen by ${chosen_by}.`;
  const optimistic = 'The penalties were chosen on these same studies; TEST stays unseen until Active.';
  if (studies.validation === 0) return [made, 'There are no VAL studies to show its errors on.'];
  return chosen_by === 'VAL' ? [made, optimistic] : [made];
}
