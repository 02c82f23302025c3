import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openDataset, parseDatasetName, studiesCsv } from 'gemma-3ncore/data/dataset';
import { extractFrames } from 'gemma-3ncore/data/frames';
import { FIELD_MM } from 'gemma-3ncore/data/phantom/view';
import { csvRows } from 'gemma-3ncore/files/csv';
import { goodStudy, writeEchoNet } from '../support/echonet.js';
import { useTemporaryFolder } from '../support/folder.js';

const folder = useTemporaryFolder()('dataset');

describe('data/dataset', () => {
  it('knows its data sets and names them to who does not', () => {
    assert.equal(parseDatasetName('phantom'), 'phantom');
    assert.throws(
      () => parseDatasetName('mnist'),
      /--dataset: expected phantom or echonet-dynamic or camus or clips, got mnist\./,
    );
  });

  it('writes every study with its verdict into studies.csv', async () => {
    const bad = goodStudy('with "quotes" and a very bad EF');
    bad.list[0]!['EF'] = '600';
    bad.videos = {};
    bad.list[0]!['FileName'] = '"with ""quotes"" and a very bad EF"';
    bad.tracings = bad.tracings.map((row) => row.replace(/^[^,]*/, '"with ""quotes"" and a very bad EF.avi"'));
    writeEchoNet(folder, [goodStudy('A'), bad]);
    const set = await openDataset('phantom', folder);
    assert.equal(set.dataset, 'phantom');
    // Phantoms are drawn at a known scale, which their videos cannot say.
    const { framing, ED } = await extractFrames(set.studies[0]!);
    assert.deepEqual(framing, { preparation: 'whole', spacing: [FIELD_MM / ED.width, FIELD_MM / ED.height] });
    const text = studiesCsv(set);
    const lines = text.split('\n');
    assert.equal(lines[0], 'study,view,split,usable,reason,edFrame,esFrame,EDV,ESV,EF');
    assert.equal(lines[1], 'A,4CH,TRAIN,true,,8,3,100.2,40.1,60.2');
    const path = join(folder, 'studies.csv');
    writeFileSync(path, text);
    const rows = [];
    for await (const { values } of csvRows(path, ['study', 'usable', 'reason'])) rows.push(values);
    assert.equal(rows[1]!.study, 'with "quotes" and a very bad EF');
    assert.equal(rows[1]!.usable, 'false');
    assert.match(rows[1]!.reason, /^EF out of range: 600 %.*; video is missing: Videos\//);
  });
});
