import { datasetNames } from '../data/dataset.js';
import { datasetManifest } from '../dataset_manifests.js';
import { bridgesFigure } from '../report/figures/bridges.js';
import { bridgesTable } from '../report/result_tables.js';
import { table } from '../report/table.js';
import type { ConduitBody, ConduitReport, ImagePreprocessing, TeacherProbe } from '../schema/generated/reports.js';
import type { Reduced } from './reduced.js';
import { fewestPatients } from './small_cells.js';

const splits = ['TRAIN', 'VAL', 'TEST', 'none'] as const;

function imageOf({ height, width, resample, rescale_factor, mean, std }: ImagePreprocessing): ImagePreprocessing {
  return { height, width, resample, rescale_factor, mean, std };
}

function countsOf({ counts }: ConduitBody): ConduitBody['counts'] {
  const found = splits.flatMap((split) => {
    const count = counts[split];
    return count === undefined ? [] : [[split, { usable: count.usable, excluded: count.excluded }] as const];
  });
  return Object.fromEntries(found);
}

function bridgesOf({ bridges }: ConduitBody): ConduitBody['bridges'] {
  return bridges.map(({ teacher, student, grid, shapes, projector, parameters, bytes }) => ({
    ...{ teacher, student, grid, projector, parameters, bytes },
    shapes: { teacher: shapes.teacher, student: shapes.student, matched: shapes.matched },
  }));
}

/** The probe's errors on VAL, where that has enough patients. */
function probeOf(probe: TeacherProbe): TeacherProbe | undefined {
  const { layer, grid, features, studies, chosen_by, penalties, mae } = probe;
  const { train, validation, validation_patients } = studies;
  if (validation_patients < fewestPatients) return undefined;
  return {
    ...{ layer, grid, features, chosen_by },
    studies: { train, validation, validation_patients },
    penalties: { EDV: penalties.EDV, ESV: penalties.ESV, EF: penalties.EF },
    mae: mae.map(({ target, unit, probe: own, mean }) => ({ target, unit, probe: own, mean })),
  };
}

/** What of Conduit's report may be shared: counts, preprocessing, bridges, estimates; no study and no reason. */
export function shareableConduit({ body }: ConduitReport, stamps: readonly string[]): Reduced<'conduit'> {
  const dataset = datasetNames.find((known) => known === body.dataset.name) ?? 'phantom';
  const { preprocessing, precision, estimates, device } = body;
  const counts = countsOf(body);
  const bridges = bridgesOf(body);
  const probe = body.probe === undefined ? undefined : probeOf(body.probe);
  const { restricted, phantom } = body.dataset;
  const reduced: ConduitBody = {
    dataset: { name: dataset, licence: datasetManifest(dataset).licence, restricted, phantom },
    ...{ counts, excluded: [], bridges },
    preprocessing: {
      ...{ teacher: imageOf(preprocessing.teacher), student: imageOf(preprocessing.student) },
      augmentation: [],
    },
    device: device === 'gpu' ? 'gpu' : 'cpu',
    precision: { chosen: precision.chosen, reason: 'as chosen in the run' },
    estimates: { seconds: estimates.seconds, memory_MB: estimates.memory_MB, disk_MB: estimates.disk_MB },
    ...(probe === undefined ? {} : { probe }),
  };
  const rows = Object.entries(counts).map(([split, count]) => ({ split, ...count }));
  return {
    parts: {
      ...{ title: 'Conduit: studies, bridges, estimates', stamps, body: reduced },
      tables: [table('splits', 'Studies by split', rows), bridgesTable(bridges)],
    },
    figures: bridges.length === 0 ? [] : [bridgesFigure(bridges, stamps)],
    hidden: body.probe !== undefined && probe === undefined ? body.probe.mae.length : 0,
  };
}
