/** Stands wherever results are shown. */
export const researchOnly = 'For research only; not for clinical use.';

/** The stamp of every result on phantom studies. */
export const phantomStamp = 'Phantom result: it shows that the method runs, not how MedSigLIP does on patients.';

/** The stamp of every result on data whose terms forbid redistribution. */
export const doNotShareStamp = 'Restricted data: do not share.';

/** The stamp of aggregates that were taken out of a run on restricted data. */
export const aggregatesStamp =
  'Aggregates of a run on restricted data; the data and the run folder itself must not be shared.';
