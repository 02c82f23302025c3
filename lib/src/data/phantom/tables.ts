import { fold, Random, rootKey } from '../../tree/random.js';
import type { PhantomStudy } from './study.js';
import { phantomTracing } from './targets.js';

/** Shares of the studies; what they leave of 1 is test. */
export interface SplitFractions {
  readonly train: number;
  readonly val: number;
}

export type Split = 'TRAIN' | 'VAL' | 'TEST';

/** The split of each study: exact shares in an order drawn from the seed. */
export function phantomSplits(seed: number, studies: number, { train, val }: SplitFractions): Split[] {
  const order = new Random(fold(rootKey(seed), 'split')).permutation(studies);
  const splits = new Array<Split>(studies).fill('TEST');
  order.forEach((study, place) => {
    if (place < Math.round(train * studies)) splits[study] = 'TRAIN';
    else if (place < Math.round((train + val) * studies)) splits[study] = 'VAL';
  });
  return splits;
}

function table(header: string, rows: readonly (readonly (string | number)[])[]): string {
  return [header, ...rows.map((row) => row.join(','))].join('\n') + '\n';
}

/** `FileList.csv` of EchoNet-Dynamic: names without suffix, ESV before EDV. */
export function fileList(studies: readonly PhantomStudy[], splits: readonly Split[]): string {
  const header = 'FileName,EF,ESV,EDV,FrameHeight,FrameWidth,FPS,NumberOfFrames,Split';
  const rows = studies.map(({ name, EF, ESV, EDV, size, fps, frames }, i) => [
    name,
    ...[EF, ESV, EDV].map((label) => label.toFixed(6)),
    ...[size, size, fps, frames],
    splits[i] as Split,
  ]);
  return table(header, rows);
}

/** `VolumeTracings.csv` of EchoNet-Dynamic: names with suffix, the two traced frames (0-based) in the order of time. */
export function volumeTracings(studies: readonly PhantomStudy[]): string {
  const rows = studies.flatMap((study) => {
    const traced = [study.edFrame, study.esFrame].sort((a, b) => a - b);
    return traced.flatMap((frame) =>
      phantomTracing(study, frame).map((line) => [`${study.name}.avi`, ...line.map((v) => v.toFixed(4)), frame]),
    );
  });
  return table('FileName,X1,Y1,X2,Y2,Frame', rows);
}
