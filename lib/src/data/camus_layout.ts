import { existsSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { BadInput } from '../host/errors.js';
import { printable } from '../host/text.js';
import { unreadable, withByteFile } from '../files/byte_file.js';
import { kindOf } from '../files/entries.js';
import type { Split, View } from './study.js';
import { isInside } from './video_check.js';

/** The parts of a CAMUS folder, absolute. */
export interface CamusFolder {
  readonly root: string;
  /** Where the patients' folders are. */
  readonly database: string;
  /** Names of the patients' folders, sorted. */
  readonly patients: readonly string[];
  /** Folders beside them that are no patient's. */
  readonly others: readonly string[];
  /** The real paths that files must stay inside. */
  readonly allowed: readonly string[];
}

/** The splits of the patients and where they come from. */
export interface CamusSplits {
  readonly source: string;
  /** The splits that name a patient: one, unless something is wrong. */
  readonly of: (patient: string) => readonly Split[];
  /** The patients that files name. */
  readonly named: readonly string[];
}

const patientName = /^patient\d{4}$/;

function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter(
        (entry) => entry.isDirectory() || (entry.isSymbolicLink() && kindOf(join(folder, entry.name)) === 'folder'),
      )
      .map(({ name }) => name)
      .sort();
  } catch (error) {
    throw unreadable(folder, error, 'folder');
  }
}

/**
 * Finds the patients of a CAMUS folder in the NIfTI layout: `database_nifti/patient0001/`, or the patients' folders
 * directly; a folder that is none is {@link BadInput}.
 */
export function findCamusFolder(dataRoot: string): CamusFolder {
  const root = resolve(dataRoot);
  const where = printable(root, 200);
  const expected = 'a CAMUS folder with database_nifti/patient0001/ …';
  if (kindOf(root) !== 'folder') {
    throw new BadInput({ where, expected, got: existsSync(root) ? 'a file' : 'no such folder' });
  }
  const inRoot = foldersIn(root);
  const database = inRoot.includes('database_nifti') ? join(root, 'database_nifti') : root;
  const folders = database === root ? inRoot : foldersIn(database);
  const patients = folders.filter((name) => patientName.test(name));
  if (patients.length === 0) {
    const old = inRoot.includes('training') || inRoot.includes('testing');
    const got = old
      ? 'the older layout of CAMUS (training/, testing/ with .mhd files)'
      : 'no folder of a patient in it';
    throw new BadInput({ where, expected, got, fix: 'point to the folder that holds database_nifti/' });
  }
  const others = folders.filter((name) => !patientName.test(name) && name !== 'database_split');
  return { root, database, patients, others, allowed: [realpathSync(root), realpathSync(database)] };
}

/** A file of a patient by its name without suffix: found, not there, or not to be opened. */
export type Located =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'missing' }
  | { readonly kind: 'refused'; readonly reason: string };

/** Links followed. */
function realPathOf(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EACCES' ? 'denied' : 'missing';
  }
}

/** Looks for a patient's file under each of some names; links that leave the data root are refused. */
export function locateFile({ database, allowed }: CamusFolder, patient: string, names: readonly string[]): Located {
  for (const name of names) {
    const path = join(database, patient, name);
    const real = realPathOf(path);
    if (real === 'missing') continue;
    const shown = printable(relative(database, path));
    if (real === 'denied') return { kind: 'refused', reason: `file cannot be opened: ${shown} (no permission)` };
    if (!allowed.some((folder) => isInside(real, folder))) {
      return { kind: 'refused', reason: `file outside the data root: ${shown}` };
    }
    return statSync(real).isFile() ? { kind: 'file', path } : { kind: 'refused', reason: `file is none: ${shown}` };
  }
  return { kind: 'missing' };
}

/** The file of an image or mask: `patient0001_4CH_ED_gt`, packed or not. */
export function locateNifti(folder: CamusFolder, patient: string, view: View, what: string): Located {
  const stem = `${patient}_${view}_${what}`;
  return locateFile(folder, patient, [`${stem}.nii.gz`, `${stem}.nii`]);
}

/** 500 patients take 6 kB. */
const largestSplit = 2 ** 20;

const subgroups: readonly (readonly [string, Split])[] = [
  ['subgroup_training.txt', 'TRAIN'],
  ['subgroup_validation.txt', 'VAL'],
  ['subgroup_testing.txt', 'TEST'],
];

/** The published ranges: 1–400 to train, 401–450 to validate, 451–500 to test. */
function splitByNumber(patient: string): Split[] {
  const number = Number(patient.slice('patient'.length));
  if (number < 1 || number > 500) return [];
  return [number <= 400 ? 'TRAIN' : number <= 450 ? 'VAL' : 'TEST'];
}

/** The splits by `database_split/subgroup_*.txt` where any of them is there, else by the ranges of the patients' numbers. */
export function readCamusSplits({ root }: CamusFolder): CamusSplits {
  const found = subgroups
    .map(([name, split]) => ({ path: join(root, 'database_split', name), split }))
    .filter(({ path }) => existsSync(path));
  if (found.length === 0) {
    return { source: 'the ranges of patient numbers 1–400, 401–450, 451–500', of: splitByNumber, named: [] };
  }
  const splits = new Map<string, Set<Split>>();
  for (const { path, split } of found) {
    const text = withByteFile(path, ({ size, read }) => read(0, Math.min(size, largestSplit))).toString('utf8');
    const names = text
      .toLowerCase()
      .replace(/^\uFEFF/, '')
      .split(/\s+/);
    for (const patient of names.filter(Boolean)) {
      splits.set(patient, (splits.get(patient) ?? new Set<Split>()).add(split));
    }
  }
  return {
    source: 'the files database_split/subgroup_*.txt',
    of: (patient) => [...(splits.get(patient) ?? [])],
    named: [...splits.keys()],
  };
}
