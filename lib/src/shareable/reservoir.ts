import { costFigure } from '../report/figures/cost.js';
import { setupFigure } from '../report/figures/setup.js';
import type { ReportParts } from '../report/report.js';
import { costTable } from '../report/result_tables.js';
import { table } from '../report/table.js';
import type { EngineReport, ModelCost, ReservoirBody, ReservoirReport } from '../schema/generated/reports.js';
import { publicName, publicTerms } from './names.js';
import type { Reduced } from './reduced.js';

/** The engine and the machine's kind; reasons and environment variables may name places on it. */
function engineOf(engine: EngineReport): EngineReport {
  const { canTrain, tfjs, tensorflow, device, gpus, processor, memoryMB, node, platform } = engine;
  const { graphFunctions, fusedKernels } = engine;
  return {
    ...{ engine: engine.engine, canTrain, tfjs, tensorflow, device, gpus, processor, memoryMB, node, platform },
    ...{ graphFunctions, fusedKernels, notTaken: [], environment: {} },
  };
}

function costOf({ name, parameters, FLOPs, ms, MB }: ModelCost): ModelCost {
  return { name: publicName(name), parameters, FLOPs, ms, MB };
}

/** A version or range as package managers write them; a path is none. */
function versionOf(text: string | null): string | null {
  return text !== null && /^[\w.+~^<>=!*|, -]{1,60}$/.test(text) ? text : null;
}

/** What of Reservoir's report may be shared: software, artifacts by their public names, cost. */
export function shareableReservoir({ body }: ReservoirReport, stamps: readonly string[]): Reduced<'reservoir'> {
  const steps = body.setup.steps.map(({ name, status, seconds }) => ({ name, status, seconds }));
  const libraries = body.libraries.map(({ ecosystem, name, requested, locked, installed, licence }) => ({
    ...{ ecosystem, name, requested: versionOf(requested), locked: versionOf(locked), installed: versionOf(installed) },
    licence,
  }));
  const artifacts = body.artifacts.map(({ kind, name, role, status, accepted, bytes, sha256 }) => {
    const { name: shown, licence, terms_url } = publicTerms(kind, name);
    return { name: shown, kind, role, status, licence, terms_url, accepted, bytes, sha256 };
  });
  const cost = { teacher: costOf(body.cost.teacher), student: costOf(body.cost.student) };
  const { os, arch, disk_free_MB } = body.platform;
  const reduced: ReservoirBody = {
    ...{ engine: engineOf(body.engine), setup: { seconds: body.setup.seconds, steps }, libraries, artifacts, cost },
    platform: { os, arch, disk_free_MB },
  };
  const parts: ReportParts<'reservoir'> = {
    ...{ title: 'Reservoir: environment, libraries, artifacts', stamps, body: reduced },
    tables: [table('libraries', 'Libraries', libraries), table('artifacts', 'Artifacts', artifacts), costTable(cost)],
  };
  return { parts, figures: [setupFigure(steps, stamps), costFigure(cost.teacher, cost.student, stamps)], hidden: 0 };
}
