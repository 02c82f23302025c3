import { bootstrap, defaultBootstrap, type BootstrapSettings, type Interval } from './bootstrap.js';
import { patientOf, type PredictionRow } from './predictions.js';
import { bias, meanAbsoluteError } from './regression.js';

/** How the EF head agrees with the EF of the same prediction's volumes; EF points (%). */
export interface Consistency {
  /** Rows whose predicted volumes give an EF (0 < EDV). */
  readonly n: number;
  /** Rows with impossible volumes: EDV ≤ 0, ESV < 0 or ESV > EDV. */
  readonly implausible: number;
  /** Mean absolute difference of the two EFs. */
  readonly difference: Interval;
  /** Mean of EF head − EF of the volumes. */
  readonly bias: Interval;
  /** MAE against the label of the EF head, on these rows. */
  readonly head_MAE: Interval;
  /** MAE against the label of the EF of the volumes. */
  readonly volumes_MAE: Interval;
}

/** (EDV − ESV)/EDV of the predicted volumes in %; NaN where EDV is not positive. */
export function ejectionFractionOfVolumes(row: PredictionRow): number {
  return row.EDV_pred > 0 ? (100 * (row.EDV_pred - row.ESV_pred)) / row.EDV_pred : NaN;
}

/** Compares the EF head with (EDV − ESV)/EDV over the rows of one model; intervals by bootstrap of patients. */
export function consistency(
  rows: readonly PredictionRow[],
  settings: BootstrapSettings = defaultBootstrap,
): Consistency {
  const usable = rows.filter((row) => row.EDV_pred > 0);
  const implausible = rows.filter((row) => !(row.EDV_pred > 0 && row.ESV_pred >= 0 && row.ESV_pred <= row.EDV_pred));
  const head = usable.map((row) => row.EF_pred);
  const volumes = usable.map(ejectionFractionOfVolumes);
  const labels = usable.map((row) => row.EF);
  const statistics = bootstrap(
    usable.map(patientOf),
    (drawn) => {
      const pick = (values: readonly number[]): number[] => drawn.map((i) => values[i] as number);
      const [drawnHead, drawnVolumes, drawnLabels] = [pick(head), pick(volumes), pick(labels)];
      return {
        difference: meanAbsoluteError(drawnVolumes, drawnHead),
        bias: bias(drawnVolumes, drawnHead),
        head_MAE: meanAbsoluteError(drawnLabels, drawnHead),
        volumes_MAE: meanAbsoluteError(drawnLabels, drawnVolumes),
      };
    },
    settings,
  );
  return { n: usable.length, implausible: implausible.length, ...statistics };
}
