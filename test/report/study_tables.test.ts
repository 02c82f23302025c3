import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Person, Split, Study, View } from 'gemma-3ncore/data/study';
import { characteristicsTables, excludedTable, splitsTable } from 'gemma-3ncore/report/study_tables';

function study(patient: string, view: View, split: Split, person: Person = {}): Study {
  const labels = { edFrame: 0, esFrame: 5, EDV: 100, ESV: 40, EF: 60, fps: 50, numberOfFrames: 9 };
  return { id: `${patient}_${view}`, patient, view, split, video: `${patient}.avi`, ...labels, ...person };
}

describe('report/study_tables', () => {
  it('counts patients by sex and age once for all their views, and views by image quality', () => {
    const [found] = characteristicsTables([
      study('p1', '2CH', 'TRAIN', { sex: 'F', age: 45, imageQuality: 'Good' }),
      study('p1', '4CH', 'TRAIN', { sex: 'F', age: 45, imageQuality: 'Poor' }),
      study('p2', '4CH', 'TRAIN', { sex: 'M', age: 46, imageQuality: 'Good' }),
      study('p3', '4CH', 'TEST', { age: 81 }),
    ]);
    const rows = found!.rows.map(({ characteristic, value, TRAIN, VAL, TEST }) =>
      [characteristic, value, TRAIN, VAL, TEST].join(' | '),
    );
    assert.deepEqual(rows, [
      'sex (patients) | F | 1 | 0 | 0',
      'sex (patients) | M | 1 | 0 | 0',
      'sex (patients) | not given | 0 | 0 | 1',
      'age, years (patients) | up to 45 | 1 | 0 | 0',
      'age, years (patients) | 46 to 65 | 1 | 0 | 0',
      'age, years (patients) | 66 to 80 | 0 | 0 | 0',
      'age, years (patients) | over 80 | 0 | 0 | 1',
      'age, years (patients) | not given | 0 | 0 | 0',
      'image quality (views) | Good | 2 | 0 | 0',
      'image quality (views) | Medium | 0 | 0 | 0',
      'image quality (views) | Poor | 1 | 0 | 0',
      'image quality (views) | not given | 0 | 0 | 1',
    ]);
  });

  it('says nothing of characteristics where the data set says nothing', () => {
    assert.deepEqual(characteristicsTables([study('p1', '4CH', 'TRAIN')]), []);
  });

  it('counts what is usable, left out and used, and gives every reason', () => {
    const counts = { TRAIN: { usable: 3, excluded: 1 }, TEST: { usable: 1, excluded: 0 } };
    const { rows } = splitsTable(counts, [study('p1', '4CH', 'TRAIN'), study('p2', '4CH', 'TEST')]);
    assert.deepEqual(rows, [
      { split: 'TRAIN', usable: 3, excluded: 1, used: 1 },
      { split: 'TEST', usable: 1, excluded: 0, used: 1 },
    ]);
    const left = excludedTable([
      { study: 'p3', view: '4CH', split: 'none', reasons: ['no tracing', 'video is missing'] },
    ]);
    assert.equal(left.title, 'Left out: 1 study, with reasons');
    assert.equal(left.rows[0]!['reasons'], 'no tracing; video is missing');
  });
});
