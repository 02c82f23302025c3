import { openClip } from './data/clip.js';
import { findClipCycle } from './data/clip_cycle.js';
import type { Study, StudySet, Verdict } from './data/study.js';
import type { Section } from './phase.js';
import type { Figure } from './report/figure.js';
import { cycleFigure } from './report/figures/cycle.js';
import { table } from './report/table.js';
import type { ReportTable } from './schema/generated/reports.js';

type FoundVerdict = Verdict & { readonly confidence: number };

const foundIn = ({ verdicts }: StudySet): FoundVerdict[] =>
  verdicts.filter((verdict): verdict is FoundVerdict => verdict.confidence !== undefined);

/** The studies whose ED and ES were found from the motion of the picture, the least sure first; nothing where there are none. */
export function foundFramesTable(set: StudySet): ReportTable[] {
  const rows = foundIn(set).map(({ id: study, split, edFrame, esFrame, confidence, usable: used }) => {
    return { study, split: split ?? 'none', edFrame, esFrame, confidence, used };
  });
  if (rows.length === 0) return [];
  rows.sort((a, b) => a.confidence - b.confidence);
  const columns = Object.keys(rows[0] as object).map((name) => ({ name, title: name }));
  const rounded = columns.map((column) => (column.name === 'confidence' ? { ...column, digits: 2 } : column));
  return [table('found', 'ED and ES found from the motion of the picture', rows, rounded)];
}

const pictured = 3;

async function curveOf(
  { id, video }: Study,
  i: number,
  notes: readonly string[],
  signal?: AbortSignal,
): Promise<Figure[]> {
  if (typeof video === 'string' || !('clip' in video)) return [];
  const clip = await openClip(video.clip, { signal });
  const cycle = await findClipCycle(clip, { signal });
  return [{ ...cycleFigure({ ...cycle, clip: id, fps: clip.fps }, notes), name: `cycle-${i + 1}` }];
}

/** The curves of the usable studies whose found frames are least sure, whose clips are decoded again for it. */
export async function leastSureCurves(set: StudySet, notes: readonly string[], signal?: AbortSignal): Promise<Section> {
  const found = foundIn(set);
  const confidence = new Map(found.map((verdict) => [verdict.id, verdict.confidence]));
  const sureness = ({ id }: Study): number => confidence.get(id) as number;
  const studies = set.studies.filter(({ id }) => confidence.has(id)).sort((a, b) => sureness(a) - sureness(b));
  const figures: Figure[] = [];
  for (const [i, study] of studies.slice(0, pictured).entries())
    figures.push(...(await curveOf(study, i, notes, signal)));
  if (figures.length === 0) return {};
  return { figures, notes: [`Pictured are the least sure of the ${studies.length} pairs that were found.`] };
}
