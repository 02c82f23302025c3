import { escapeHtml, escapeMarkdown } from '../host/escape.js';
import { researchOnly } from '../report/wording.js';
import type { TermsRow } from '../report/result_tables.js';
import { fewestPatients } from './small_cells.js';

export interface ExportFacts {
  readonly stamps: readonly string[];
  readonly terms: readonly TermsRow[];
  readonly hidden: number;
}

function termsLine({ name, licence, terms_url, citation }: TermsRow): string {
  const parts = [`${escapeMarkdown(name)}: ${escapeMarkdown(licence)}`];
  if (terms_url !== null) parts.push(`terms: ${escapeHtml(terms_url)}`);
  if (citation !== null) parts.push(`cite: ${escapeMarkdown(citation)}`);
  return `- ${parts.join('; ')}`;
}

/** What an export holds, what it does not and why, and the terms that stand behind it. */
export function exportReadme({ stamps, terms, hidden }: ExportFacts): string {
  const left = [
    'Studies and predictions, which are rows of the data, and every sentence that names a study.',
    'Frames, montages, scatter and Bland–Altman plots, and the distribution of labels: they show people one by one.',
    'Outputs of the notebooks. The pages are drawn anew from the reports here.',
    'Losses of single steps; they are averaged over as many steps as make samples of ' +
      `${fewestPatients} patients, and left out where fewer are trained on. Statistics of fewer than ${fewestPatients} patients are hidden (${hidden} here).`,
    'Adapters, regressors, checkpoints and cached features: they are made from the data. The agreement of EchoNet-Dynamic ' +
      'allows no derivative works of it, CAMUS asks that derivatives keep its licence, and a student distilled from MedSigLIP ' +
      "carries that model's terms. Whoever may pass an adapter on finds it, with its NOTICE, in the run folder.",
    'Folders, names of weights that are not public, the command line, and reasons in words: they may name people or places.',
  ];
  return `${[
    '# A run of GEMMA 3NCORE, aggregates only',
    [`**${researchOnly}**`, ...stamps.map((stamp) => `**${escapeMarkdown(stamp)}**`)].join('\n\n'),
    '`*.report.json` are valid against the schemas in `data-manifests/schemas`; `*.html` shows them; `metrics.jsonl` has the ' +
      'losses; `run.json` says which software made the run. Everything here was written anew from named fields.',
    `## Left out\n\n${left.map((line) => `- ${line}`).join('\n')}`,
    `## Terms\n\n${terms.map(termsLine).join('\n')}`,
  ].join('\n\n')}\n`;
}
