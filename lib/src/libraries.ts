import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readJson, readJsonObject } from './files/json.js';
import { projectPath } from './host/places.js';
import type { ReservoirBody } from './schema/generated/reports.js';

export type Library = ReservoirBody['libraries'][number];

/** What set-up wrote to `.engine/setup.json` (kernels/setup/report.mjs). */
export interface SetUpReport {
  readonly steps: readonly {
    readonly name: string;
    readonly seconds: number;
    readonly detail?: string;
    readonly warning?: string;
    readonly status: 'done' | 'unchanged';
  }[];
  readonly versions: readonly {
    readonly registry: 'npm' | 'PyPI';
    readonly name: string;
    readonly requested: string | null;
    readonly locked: string | null;
    readonly installed: string | null;
  }[];
}

/** The report of set-up; undefined where the project was set up by other means. */
export function readSetUp(): SetUpReport | undefined {
  const path = projectPath('.engine', 'setup.json');
  return existsSync(path) ? (readJson(path) as SetUpReport) : undefined;
}

function npmLicence(name: string): string | null {
  const path = projectPath('node_modules', ...name.split('/'), 'package.json');
  const licence = existsSync(path) ? readJsonObject(path)['license'] : undefined;
  return typeof licence === 'string' ? licence : null;
}

/** The Python libraries whose numbers this project is compared with. */
const peers = ['torch', 'transformers', 'timm', 'peft', 'bitsandbytes', 'tensorflow'];

/** Versions of the peers in the machine's Python; nothing where there is no Python. */
function pythonPeers(): Library[] {
  const code = `
import importlib.metadata as m, json
def found(name):
    try: d = m.metadata(name)
    except m.PackageNotFoundError: return None
    return [d["Version"], d.get("License-Expression") or d.get("License")]
print(json.dumps({name: found(name) for name in ${JSON.stringify(peers)}}))`;
  try {
    const text = execFileSync('python3', ['-c', code], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    const versions = JSON.parse(text) as Record<string, [string, string | null] | null>;
    return peers.map((name) => ({
      ecosystem: 'python',
      name,
      requested: null,
      locked: null,
      installed: versions[name]?.[0] ?? null,
      licence: versions[name]?.[1]?.split('\n')[0]?.slice(0, 60) ?? null,
    }));
  } catch {
    return [];
  }
}

/** What the project asks for, what its locks fix, what is installed; and the peers where Python has them. */
export function listLibraries(): Library[] {
  const versions = readSetUp()?.versions ?? [];
  const own = versions.map(({ registry, name, requested, locked, installed }): Library => {
    const ecosystem = registry === 'npm' ? 'npm' : 'python';
    return { ecosystem, name, requested, locked, installed, licence: registry === 'npm' ? npmLicence(name) : null };
  });
  return [...own, ...pythonPeers()];
}
