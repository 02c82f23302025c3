import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { escapeHtml } from '../host/escape.js';
import type { Phase, ReportOf } from '../report/report.js';
import { htmlTable } from '../report/table.js';

/** A reduced report as a page of its own: stamps, tables, figures. */
export function reportPage(folder: string, report: ReportOf[Phase]): string {
  const { title, research_only, stamps, tables, figures } = report;
  const lines = [research_only, ...stamps].map((line) => `<p><strong>${escapeHtml(line)}</strong></p>`);
  const pictures = figures.map(({ file }) => `<p>${readFileSync(join(folder, file), 'utf8')}</p>`);
  return [
    '<!doctype html>',
    `<html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(title)}</title></head>`,
    '<body style="font-family:sans-serif;max-width:1000px;margin:2em auto">',
    `<h1>${escapeHtml(title)}</h1>`,
    ...lines,
    ...tables.map((table) => htmlTable(table, 1000)),
    ...pictures,
    '</body></html>\n',
  ].join('\n');
}
