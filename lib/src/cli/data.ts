import { Command } from 'commander';
import { BadInput } from '../host/errors.js';
import { abortOnInterrupt } from '../host/abort.js';
import { printable, printableJson } from '../host/text.js';
import { datasetNames, openDataset, parseDatasetName } from '../data/dataset.js';
import type { StudySet, Verdict } from '../data/study.js';
import { datasetManifest } from '../dataset_manifests.js';

interface CheckOptions {
  readonly dataset: string;
  readonly dataRoot: string;
  readonly limit?: number;
  readonly json?: boolean;
}

function parseLimit(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new BadInput({ where: '--limit', expected: 'a positive whole number', got: printable(text) });
}

/** The document of `data check --json` (contract 4 of the design). */
function toJson({ dataset, studies, verdicts, notes = [] }: StudySet): object {
  const rows = verdicts.map(({ id, view, split, usable, reasons, edFrame, esFrame, EDV, ESV, EF, ...remarks }) => {
    return { id, view, split, usable, reasons, edFrame, esFrame, EDV, ESV, EF, ...remarks };
  });
  const counts = { usable: studies.length, excluded: verdicts.length - studies.length };
  return { dataset, ...counts, ...(notes.length === 0 ? {} : { notes }), studies: rows };
}

/** A reason's kind is what stands before its colon. */
function reasonsByKind(verdicts: readonly Verdict[]): [kind: string, found: { count: number; example: string }][] {
  const kinds = new Map<string, { count: number; example: string }>();
  for (const { id, reasons } of verdicts) {
    for (const reason of reasons) {
      const kind = reason.split(':', 1)[0] ?? reason;
      const example = `${printable(id, 40)}: ${printable(reason, 200)}`;
      const found = kinds.get(kind);
      if (found === undefined) kinds.set(kind, { count: 1, example });
      else found.count += 1;
    }
  }
  return [...kinds].sort(([, a], [, b]) => b.count - a.count);
}

function toText({ dataset, root, studies, verdicts, notes = [] }: StudySet): string {
  const inSplit = (['TRAIN', 'VAL', 'TEST'] as const).map(
    (split) => `${split} ${studies.filter((study) => study.split === split).length}`,
  );
  const lines = [
    `${dataset} in ${printable(root, 200)}`,
    `${verdicts.length} studies: ${studies.length} usable (${inSplit.join(', ')}), ${verdicts.length - studies.length} left out`,
    ...notes.map((note) => printable(note, 300)),
  ];
  const kinds = reasonsByKind(verdicts);
  const width = Math.max(0, ...kinds.map(([kind]) => kind.length));
  if (kinds.length > 0) lines.push('', `studies  ${'reason'.padEnd(width)}  first example`);
  for (const [kind, { count, example }] of kinds) {
    lines.push(`${String(count).padStart(7)}  ${kind.padEnd(width)}  ${example}`);
  }
  if (verdicts.length > studies.length)
    lines.push('', 'Every study that is left out stands, with all its reasons, in what --json prints.');
  const { licence, terms_url } = datasetManifest(dataset);
  const terms = `Licence: ${licence}${terms_url === null ? '' : `; terms: ${terms_url}`}`;
  return [...lines, '', terms, 'For research only; not for clinical use.'].join('\n');
}

async function check(options: CheckOptions): Promise<void> {
  const { signal, release } = abortOnInterrupt();
  try {
    const { dataset, dataRoot, limit, json } = options;
    const set = await openDataset(parseDatasetName(dataset), dataRoot, { limit, signal });
    process.stdout.write(`${json === true ? printableJson(toJson(set)) : toText(set)}\n`);
    if (set.studies.length === 0) process.exitCode = 2;
  } finally {
    release();
  }
}

/** `3ncore data check`: which studies of a data set are usable, which are not and why; exit 2 if none is. */
export function dataCommand(): Command {
  const command = new Command('data').description('look at data sets');
  command
    .command('check')
    .description(
      'say which studies are usable, which are not and why; decodes no whole video where ED and ES are known',
    )
    .requiredOption('--dataset <name>', datasetNames.join(' or '))
    .requiredOption('--data-root <dir>', "the data set's folder")
    .option('--limit <n>', 'check only this many studies, spread evenly', parseLimit)
    .option('--json', 'print one JSON document')
    .action(check);
  return command;
}
