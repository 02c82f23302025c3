import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { aviFile, jpegImage } from './avi.js';

export const listHeader = 'FileName,EF,ESV,EDV,FrameHeight,FrameWidth,FPS,NumberOfFrames,Split';
export const tracingHeader = 'FileName,X1,Y1,X2,Y2,Frame';

/** One study of a folder under test, as it will stand in the files; tests change what they want to see found. */
export interface TestStudy {
  list: Record<string, string>[];
  /** Rows of VolumeTracings.csv. */
  tracings: string[];
  /** Files in Videos/ by name. */
  videos: Record<string, Buffer>;
}

/** The outline of an ellipse in EchoNet's way: the long axis, then chords from apex to base. */
export function tracing(fileName: string, frame: number | string, halfWidth: number, chords = 8): string[] {
  const rows = [`${fileName},56,20,56,90,${frame}`];
  for (let i = 0; i < chords; i++) {
    const t = (2 * (i + 0.5)) / chords - 1;
    const half = halfWidth * Math.sqrt(1 - t * t);
    const y = 55 + 35 * t;
    rows.push(`${fileName},${56 - half},${y},${56 + half},${y},${frame}`);
  }
  return rows;
}

const clip = aviFile(
  Array.from({ length: 12 }, (_, i) => jpegImage(i)),
  { fps: 30 },
);

/** A study that has nothing wrong with it: ED is frame 8, ES frame 3, EF 60 %. */
export function goodStudy(id: string): TestStudy {
  const row: Record<string, string> = {
    FileName: id,
    EF: '60.2',
    ESV: '40.1',
    EDV: '100.2',
    FrameHeight: '16',
    FrameWidth: '16',
    FPS: '50',
    NumberOfFrames: '12',
    Split: 'TRAIN',
  };
  const tracings = [...tracing(`${id}.avi`, 3, 15), ...tracing(`${id}.avi`, 8, 22)];
  return { list: [row], tracings, videos: { [`${id}.avi`]: clip } };
}

/** Writes the studies as a folder in the layout of EchoNet-Dynamic. */
export function writeEchoNet(folder: string, studies: readonly TestStudy[]): void {
  const columns = listHeader.split(',');
  const list = studies.flatMap((study) => study.list.map((row) => columns.map((column) => row[column]).join()));
  writeFileSync(join(folder, 'FileList.csv'), [listHeader, ...list, ''].join('\n'));
  const tracings = studies.flatMap((study) => study.tracings);
  writeFileSync(join(folder, 'VolumeTracings.csv'), [tracingHeader, ...tracings, ''].join('\n'));
  mkdirSync(join(folder, 'Videos'), { recursive: true });
  for (const { videos } of studies) {
    for (const [name, bytes] of Object.entries(videos)) writeFileSync(join(folder, 'Videos', name), bytes);
  }
}
