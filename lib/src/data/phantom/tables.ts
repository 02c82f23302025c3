import { toCsv } from '../../files/csv.js';
import { fold, Random, rootKey } from '../../tree/random.js';
import type { Split } from '../study.js';
import type { PhantomStudy } from './study.js';
import { phantomTracing } from './targets.js';

/** Shares of the studies; what they leave of 1 is test. */
export interface SplitFractions {
  readonly train: number;
  readonly val: number;
}

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

const listColumns = [
  ...(['FileName', 'EF', 'ESV', 'EDV'] as const),
  ...(['FrameHeight', 'FrameWidth', 'FPS', 'NumberOfFrames', 'Split'] as const),
];

/** `FileList.csv` of EchoNet-Dynamic: names without suffix, ESV before EDV. */
export function fileList(studies: readonly PhantomStudy[], splits: readonly Split[]): string {
  const rows = studies.map(({ name, EF, ESV, EDV, size, fps, frames }, i) => ({
    FileName: name,
    EF: EF.toFixed(6),
    ESV: ESV.toFixed(6),
    EDV: EDV.toFixed(6),
    FrameHeight: size,
    FrameWidth: size,
    FPS: fps,
    NumberOfFrames: frames,
    Split: splits[i] as Split,
  }));
  return toCsv(listColumns, rows);
}

/** `VolumeTracings.csv` of EchoNet-Dynamic: names with suffix, the two traced frames (0-based) in the order of time. */
export function volumeTracings(studies: readonly PhantomStudy[]): string {
  const rows = studies.flatMap((study) => {
    const traced = [study.edFrame, study.esFrame].sort((a, b) => a - b);
    return traced.flatMap((Frame) =>
      phantomTracing(study, Frame).map(([x1, y1, x2, y2]) => ({
        FileName: `${study.name}.avi`,
        X1: x1.toFixed(4),
        Y1: y1.toFixed(4),
        X2: x2.toFixed(4),
        Y2: y2.toFixed(4),
        Frame,
      })),
    );
  });
  return toCsv(['FileName', 'X1', 'Y1', 'X2', 'Y2', 'Frame'], rows);
}
