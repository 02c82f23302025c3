// How well ED and ES are found in phantoms of a seed and how sure the finder is: `npm run bench:cycle -- SEED [COUNT]`; prints
// tables for LOG.md. Errors are to the nearest true moment.
import { quantile } from 'simple-statistics';
import { findCycle } from 'gemma-3ncore/data/cycle';
import { phantomStudy, type PhantomStudy } from 'gemma-3ncore/data/phantom/study';
import { twoChamberView } from 'gemma-3ncore/data/phantom/two_chamber';
import { framesOff, phantomClip } from '../support/phantom_clip.js';

const size = 112;
type View = '2CH' | '4CH';

interface Found {
  readonly EF: number;
  /** Frames of the clip's rate. */
  readonly ED: number;
  readonly ES: number;
  /** The worse of the two, ms. */
  readonly off: number;
  /** True volumes at the found frames against the clip's largest and smallest, points of EF. */
  readonly efError: number;
  readonly sure: boolean;
}

function find(study: PhantomStudy, view: View, fps: number): Found {
  const { frames, volumes, ED, ES } = phantomClip(view === '4CH' ? study : twoChamberView(study), fps);
  const { edFrame, esFrame, sure } = findCycle(frames, fps);
  const ef = (ed: number, es: number): number => 100 * (1 - es / ed);
  const [ed, es] = [framesOff(edFrame, ED), framesOff(esFrame, ES)];
  const whole = ef(Math.max(...volumes), Math.min(...volumes));
  const efError = Math.abs(whole - ef(volumes[edFrame]!, volumes[esFrame]!));
  return { EF: study.EF, ED: ed, ES: es, off: (1000 * Math.max(ed, es)) / fps, efError, sure };
}

function rowOf(found: readonly Found[]): object {
  const spread = (of: (one: Found) => number): string =>
    [0.5, 0.9].map((share) => quantile(found.map(of), share).toFixed(1)).join(', ');
  const beyond = (ms: number): string => {
    const wrong = found.filter(({ off }) => off > ms);
    return `${wrong.length} (${wrong.filter(({ sure }) => sure).length})`;
  };
  return {
    clips: found.length,
    sure: found.filter(({ sure }) => sure).length,
    'ED median, p90': spread(({ ED }) => ED),
    'ES median, p90': spread(({ ES }) => ES),
    'off > 60 ms (sure)': beyond(60),
    'off > 120 ms (sure)': beyond(120),
    'EF error median, p90': spread(({ efError }) => efError),
  };
}

const bands = [0, 25, 35, 50, 100];

function byBand(found: readonly Found[]): Record<string, object> {
  return Object.fromEntries(
    bands.slice(1).flatMap((high, i) => {
      const inBand = found.filter(({ EF }) => EF >= (bands[i] as number) && EF < high);
      return inBand.length === 0 ? [] : [[`EF ${bands[i]} to ${high}`, rowOf(inBand)]];
    }),
  );
}

function main(seed: number, count: number): void {
  const studies = Array.from({ length: 40 * count }, (_, i) => phantomStudy(seed, i, size));
  const first = studies.slice(0, count);
  const low = studies
    .slice(count)
    .filter(({ EF }) => EF < 35)
    .slice(0, count / 2);
  const cases: readonly (readonly [View, number])[] = [
    ['4CH', 50],
    ['4CH', 30],
    ['4CH', 80],
    ['2CH', 50],
  ];
  const rates: Record<string, object> = {};
  for (const [view, fps] of cases) {
    const found = first.map((study) => find(study, view, fps));
    rates[`${view}, ${fps} a second`] = rowOf(found);
    if (fps !== 50) continue;
    console.log(`${view}, 50 a second, by EF (with ${low.length} more below 35 %)`);
    console.table(byBand([...found, ...low.map((study) => find(study, view, fps))]));
  }
  console.log(`seed ${seed}, ${count} phantoms; errors in frames of the clip's rate`);
  console.table(rates);
}

main(Number(process.argv[2]), Number(process.argv[3] ?? 80));
