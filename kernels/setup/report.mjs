// What Reservoir's report reads: .engine/setup.json.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { folderMegabytes } from './tensorflow.mjs';
import { inEngine, inRoot, inVenv, root } from './project.mjs';
import { readStamp, writeJson } from './stamp.mjs';

const reportFile = inEngine('setup.json');

/** Writes `.engine/setup.json`: steps, versions requested, locked and installed, the engine and why not a better one, the disk used. */
export function writeReport(results) {
  const former = readStamp(reportFile);
  const steps = mergeSteps(former?.steps ?? [], results);
  const changed = former === undefined || results.some(({ status }) => status === 'done');
  const report = {
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    finished: new Date().toISOString(),
    steps,
    engine: steps.find(({ name }) => name === 'engine')?.result ?? null,
    versions: changed ? [...npmVersions(), ...pythonVersions()] : former.versions,
    disk: changed ? diskUse() : former.disk,
  };
  writeJson(reportFile, report);
  return report;
}

function mergeSteps(former, results) {
  const names = new Set(results.map(({ name }) => name));
  return [...former.filter(({ name }) => !names.has(name)), ...results];
}

function readJson(file) {
  return JSON.parse(readFileSync(file, 'utf8'));
}

function npmVersions() {
  const lock = readJson(inRoot('package-lock.json')).packages;
  const library = readJson(inRoot('lib', 'package.json'));
  const project = readJson(inRoot('package.json'));
  const requested = { ...project.devDependencies, ...project.dependencies, ...library.dependencies };
  return Object.entries(requested).map(([name, range]) => ({
    registry: 'npm',
    name,
    requested: range,
    locked: lock[`node_modules/${name}`]?.version ?? null,
    installed: installedPackage(name),
  }));
}

function installedPackage(name) {
  const file = inRoot('node_modules', name, 'package.json');
  return existsSync(file) ? readJson(file).version : null;
}

function pythonVersions() {
  const locked = new Map();
  for (const line of readFileSync(inRoot('kernels', 'requirements.txt'), 'utf8').split('\n')) {
    const [, name, version] = /^([\w.-]+)==([^\s;\\]+)/.exec(line) ?? [];
    if (name !== undefined) locked.set(normalised(name), [...(locked.get(normalised(name)) ?? []), version]);
  }
  const installed = new Map(installedDistributions());
  return readFileSync(inRoot('kernels', 'requirements.in'), 'utf8')
    .split('\n')
    .map((line) => /^([\w.-]+)(.*)$/.exec(line.trim()))
    .filter((found) => found !== null)
    .map(([, name, range]) => ({
      registry: 'PyPI',
      name,
      requested: range,
      locked: locked.get(normalised(name))?.join(' or ') ?? null,
      installed: installed.get(normalised(name)) ?? null,
    }));
}

function installedDistributions() {
  if (!existsSync(inVenv('lib'))) return [];
  return readdirSync(inVenv('lib'))
    .map((python) => inVenv('lib', python, 'site-packages'))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder))
    .map((name) => /^(.+)-([^-]+)\.dist-info$/.exec(name))
    .filter((found) => found !== null)
    .map(([, name, version]) => [normalised(name), version]);
}

function normalised(name) {
  return name.toLowerCase().replace(/[-_.]+/g, '-');
}

function diskUse() {
  return ['node_modules', '.venv', '.engine', join('lib', 'dist')]
    .filter((folder) => existsSync(join(root, folder)))
    .map((folder) => ({ folder, megabytes: Math.round(folderMegabytes(join(root, folder))) }));
}
