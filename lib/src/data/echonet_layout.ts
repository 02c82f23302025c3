import { join, resolve } from 'node:path';
import { BadInput } from '../host/errors.js';
import { printable } from '../host/text.js';
import { csvHeader } from '../files/csv.js';
import { kindOf, namesIn } from '../files/entries.js';
import { tracingColumns } from './tracings.js';

/** The three parts of an EchoNet-Dynamic folder, absolute. */
export interface EchoNetFolder {
  readonly root: string;
  readonly fileList: string;
  readonly tracings: string;
  readonly videos: string;
}

const pediatric = 'the layout of EchoNet-Pediatric, which gives no EDV and ESV';

/** What to do about a folder without FileList.csv. */
function adviceFor(root: string): string {
  const names = namesIn(root);
  const alike = names.find((name) => name.toLowerCase() === 'filelist.csv');
  if (alike === 'FileList.csv') return 'what bears that name is no file';
  if (alike !== undefined) return `name ${printable(alike)} as it was: FileList.csv`;
  const inside = names.filter((name) => kindOf(join(root, name)) === 'folder');
  if (inside.includes('A4C') || inside.includes('PSAX')) return `this is ${pediatric}`;
  const right = inside.find((name) => kindOf(join(root, name, 'FileList.csv')) === 'file');
  if (right !== undefined) return `point to ${printable(join(root, right), 200)}`;
  return 'point to the folder that holds FileList.csv, VolumeTracings.csv and Videos/';
}

/**
 * Finds the parts of an EchoNet-Dynamic folder; a folder that is not one, EchoNet-Pediatric among them, is
 * {@link BadInput} in one sentence. Columns of FileList.csv are checked where its rows are read.
 */
export async function findEchoNetFolder(dataRoot: string): Promise<EchoNetFolder> {
  const root = resolve(dataRoot);
  const where = printable(root, 200);
  const expected = 'an EchoNet-Dynamic folder with FileList.csv, VolumeTracings.csv and Videos/';
  const kind = kindOf(root);
  if (kind !== 'folder') throw new BadInput({ where, expected, got: kind === null ? 'no such folder' : 'a file' });
  const parts = {
    root,
    fileList: join(root, 'FileList.csv'),
    tracings: join(root, 'VolumeTracings.csv'),
    videos: join(root, 'Videos'),
  };
  if (kindOf(parts.fileList) !== 'file')
    throw new BadInput({ where, expected, got: 'no FileList.csv in it', fix: adviceFor(root) });
  if (kindOf(parts.tracings) !== 'file') throw new BadInput({ where, expected, got: 'no VolumeTracings.csv in it' });
  const columns = await csvHeader(parts.tracings);
  if (columns.includes('X') && columns.includes('Y') && !columns.includes('X1')) {
    throw new BadInput({
      where: `${where}: VolumeTracings.csv, row 1`,
      expected: `the columns ${tracingColumns.join(',')}`,
      got: `${printable(columns.join(','))}, ${pediatric}`,
      fix: 'use EchoNet-Dynamic',
    });
  }
  if (kindOf(parts.videos) !== 'folder') throw new BadInput({ where, expected, got: 'no folder Videos/ in it' });
  return parts;
}
