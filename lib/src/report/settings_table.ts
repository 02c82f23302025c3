import type { Experiment } from '../schema/generated/experiment.js';
import type { ReportTable } from '../schema/generated/reports.js';
import { preset } from '../schema/presets.js';
import { table } from './table.js';

/** Dotted paths of a configuration with their values as text; lists stay whole. */
function leaves(value: unknown, path: readonly string[] = []): [path: string, text: string][] {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return Object.entries(value).flatMap(([name, field]) => leaves(field, [...path, name]));
  }
  return [[path.join('.'), typeof value === 'string' ? value : JSON.stringify(value)]];
}

/** Every setting of a configuration; where it differs from its preset also what stands there. */
export function settingsTable(experiment: Experiment): ReportTable {
  const usual = new Map(leaves(preset(experiment.preset)));
  const rows = leaves(experiment).map(([setting, value]) => {
    const former = usual.get(setting);
    return { setting, value, preset: former === value ? null : (former ?? null) };
  });
  const columns = [
    { name: 'setting', title: 'setting' },
    { name: 'value', title: 'value' },
    { name: 'preset', title: `in preset ${experiment.preset}, where different` },
  ];
  return table('settings', 'Configuration: experiment.json', rows, columns);
}
