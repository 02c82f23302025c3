import type { Figure } from '../report/figure.js';
import type { Phase, ReportParts } from '../report/report.js';

/** A report made anew from what may be shared, field by field; whatever is not named stays behind. */
export interface Reduced<P extends Phase> {
  readonly parts: ReportParts<P>;
  /** Drawn from the reduced report. */
  readonly figures: readonly Figure[];
  /** Statistics that were left out because too few patients stand behind them. */
  readonly hidden: number;
}
