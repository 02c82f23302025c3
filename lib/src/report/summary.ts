import { formatSeconds } from '../host/clock.js';
import { printable } from '../host/text.js';
import type { ActiveBody, ActiveReport, ConduitReport, ReservoirReport } from '../schema/generated/reports.js';
import { formatInterval, formatNumber, formatSignificant } from './numbers.js';
import { researchOnly } from './wording.js';

/** The reports of a run as far as it came. */
export interface RunReports {
  readonly reservoir?: ReservoirReport;
  readonly conduit?: ConduitReport;
  readonly active?: ActiveReport;
}

const wide = 15;

function line(name: string, text: string): string {
  return `${name.padEnd(wide)}${printable(text, 105)}`;
}

function environment({ body }: ReservoirReport): string[] {
  const { engine, cost } = body;
  const { model, threads } = engine.processor;
  const device =
    engine.device === 'gpu' ? engine.gpus.map(({ name }) => name).join(', ') : `${model}, ${threads} threads`;
  const size = ({ name, parameters }: typeof cost.teacher): string =>
    `${name} (${formatSignificant(parameters / 1e6)} M parameters)`;
  return [
    line('engine', `${engine.engine} ${engine.tensorflow ?? ''} on ${engine.device} (${device})`),
    line('teacher', size(cost.teacher)),
    line('student', size(cost.student)),
  ];
}

/** How many studies of each split the run uses; under a limit also of how many. */
function studiesBySplit({ body, tables }: ConduitReport): string {
  const rows = tables.find(({ name }) => name === 'splits')?.rows ?? [];
  const counts = Object.entries(body.counts).map(([split, { usable }]) => {
    const used = rows.find((row) => row['split'] === split)?.['used'] ?? usable;
    return used === usable ? `${split} ${usable}` : `${split} ${String(used)} of ${usable}`;
  });
  return counts.join(', ');
}

function data(report: ConduitReport): string[] {
  const { body } = report;
  const left = body.excluded.length === 0 ? '' : `; ${body.excluded.length} left out`;
  const bridges = body.bridges.map(({ teacher, student }) => `${teacher} → ${student}`);
  return [
    line('data', `${body.dataset.name}: ${studiesBySplit(report)}${left}`),
    line('bridges', bridges.join(', ')),
    line('precision', `${body.precision.chosen} on ${body.device} (${body.precision.reason})`),
    ...probe(body),
  ];
}

/** VAL errors of the teacher's probe beside those of the mean. */
function probe({ probe }: ConduitReport['body']): string[] {
  if (probe === undefined || probe.mae.length === 0) return [];
  const errors = probe.mae.map(
    ({ target, unit, probe: own, mean }) => `${target} ${formatNumber(own, 1)} ${unit} (mean ${formatNumber(mean, 1)})`,
  );
  return [line('teacher probe', `MAE on VAL: ${errors.join(', ')}`)];
}

function training(body: ActiveBody): string[] {
  return body.training.map(({ model, seed, steps, seconds }) =>
    line('trained', `${model}, seed ${seed}: ${steps} steps in ${formatSeconds(seconds)}`),
  );
}

/** MAE of each model in columns EDV, ESV, EF. */
function errors({ metrics }: ActiveBody): string[] {
  const models = [...new Set(metrics.map(({ model }) => model))];
  const targets = ['EDV', 'ESV', 'EF'] as const;
  const cell = (model: string, target: string): string => {
    const found = metrics.find((row) => row.model === model && row.target === target && row.metric === 'MAE');
    return (found === undefined ? '–' : formatInterval(found, 1)).padEnd(22);
  };
  return [
    `${'MAE'.padEnd(wide)}${['EDV (mL)', 'ESV (mL)', 'EF (%)'].map((head) => head.padEnd(22)).join('')}`.trimEnd(),
    ...models.map((model) => `${model.padEnd(wide)}${targets.map((target) => cell(model, target)).join('')}`.trimEnd()),
  ];
}

function differences({ comparisons }: ActiveBody): string[] {
  return comparisons
    .filter(({ target, metric }) => target === 'EF' && metric === 'MAE')
    .map(({ model, reference, favours, ...interval }) => {
      const verdict = favours === 'neither' ? 'the interval includes zero' : `favours ${favours}`;
      return `${model} − ${reference}: ${formatInterval(interval, 2)} %, ${verdict}`;
    });
}

/** One page about a run for the terminal. */
export function runSummary(runFolder: string, { reservoir, conduit, active }: RunReports): string {
  const stamps = [...new Set([reservoir, conduit, active].flatMap((report) => report?.stamps ?? []))];
  const body = active?.body;
  const results =
    body === undefined
      ? []
      : [
          ...training(body),
          ...['', 'Test studies, mean absolute error with 95 % bootstrap interval by patient', ...errors(body)],
          ...['', 'Difference of the EF MAE on the same patients', ...differences(body)],
          ...['', line('adapters', body.adapters.map(({ path }) => path).join(', ') || 'none')],
        ];
  const volume = body?.consistency.map(
    ({ model, difference, implausible }) =>
      `EF head against (EDV − ESV)/EDV, ${model}: ${formatNumber(difference.value, 1)} % apart, ` +
      `${implausible} studies with impossible volumes`,
  );
  return [
    'GEMMA 3NCORE',
    researchOnly,
    ...stamps.map((stamp) => printable(stamp, 120)),
    '',
    ...(reservoir === undefined ? [] : environment(reservoir)),
    ...(conduit === undefined ? [] : data(conduit)),
    ...results,
    ...(volume ?? []),
    line('run folder', runFolder),
    '',
  ].join('\n');
}
