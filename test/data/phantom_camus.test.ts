import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { openDataset } from 'gemma-3ncore/data/dataset';
import { phantomPatient, writePhantomCamus } from 'gemma-3ncore/data/phantom/camus';
import { pixelMm } from 'gemma-3ncore/data/phantom/view';
import { phantomMasks } from 'gemma-3ncore/data/phantom/targets';
import { biplaneVolume, discsOf, type Discs } from 'gemma-3ncore/data/simpson';
import { sha256File } from 'gemma-3ncore/files/hash';
import { BadInput } from 'gemma-3ncore/host/errors';
import { useTemporaryFolder } from '../support/folder.js';

const folder = useTemporaryFolder();
const config = { studies: 3, seed: 8, size: 112, split: { train: 0.34, val: 0.33 } };
const root = join(folder('phantom-camus'), 'data');

const hashes = (of: string): string[] =>
  readdirSync(of, { recursive: true, encoding: 'utf8' })
    .filter((file) => statSync(join(of, file)).isFile())
    .sort()
    .map((file) => `${file} ${sha256File(join(of, file))}`);

describe('phantoms in the layout of CAMUS', () => {
  before(() => writePhantomCamus(root, config));

  it('have masks whose biplane volumes are those of the drawn body and of the heart (3 %)', () => {
    const size = 448;
    for (let index = 0; index < 24; index++) {
      const { views, EDV, ESV } = phantomPatient(5, index, size);
      const { edFrame, esFrame, fullest, emptiest } = views['4CH'];
      for (const [t, body, heart] of [
        [edFrame, EDV, fullest],
        [esFrame, ESV, emptiest],
      ] as const) {
        const discs = (['2CH', '4CH'] as const).map((view): Discs => {
          const data = phantomMasks(views[view], t, size);
          const found = discsOf({ width: size, height: size, data }, [pixelMm(size), pixelMm(size)]);
          assert.ok(found.kind === 'discs');
          return found.discs;
        });
        const volume = biplaneVolume(discs[0]!, discs[1]!);
        assert.ok(Math.abs(volume / body - 1) < 0.03, `patient ${index}, frame ${t}: ${volume} of ${body} mL`);
        assert.ok(Math.abs(body / heart - 1) < 0.03, `patient ${index}, frame ${t}: ${body} of ${heart} mL`);
      }
    }
  });

  it('are read by the reader of CAMUS, all of them', async () => {
    const { studies, verdicts, notes = [] } = await openDataset('camus', root);
    assert.deepEqual(
      verdicts.flatMap(({ reasons }) => reasons),
      [],
    );
    assert.deepEqual(
      studies.map(({ id, patient, view }) => [id, patient, view]),
      [1, 2, 3].flatMap((n) => ['2CH', '4CH'].map((view) => [`patient000${n}_${view}`, `patient000${n}`, view])),
    );
    assert.deepEqual(new Set(studies.map(({ split }) => split)), new Set(['TRAIN', 'VAL', 'TEST']));
    assert.match(notes[0] ?? '', /database_split/);
    studies.forEach((study) => {
      const known = phantomPatient(config.seed, Number(study.patient.slice(-1)) - 1, config.size);
      // a pixel is 1.5 mm here, a tenth of a small ventricle's width
      assert.ok(Math.abs(study.EDV / known.EDV - 1) < 0.06, `${study.EDV} of ${known.EDV} mL`);
      assert.ok(Math.abs(study.ESV / known.ESV - 1) < 0.06, `${study.ESV} of ${known.ESV} mL`);
      assert.ok(Math.abs(study.EF - known.EF) < 0.01);
      assert.equal(study.esFrame - study.edFrame, known.views['4CH'].esFrame - known.views['4CH'].edFrame);
      assert.equal(Math.min(study.edFrame, study.esFrame), 0);
      assert.ok(study.sex !== undefined && study.age !== undefined && study.imageQuality !== undefined);
    });
  });

  it('are the same bytes for the same config, and say that they are synthetic', async () => {
    const other = join(folder('again'), 'data');
    await writePhantomCamus(other, config);
    assert.deepEqual(hashes(other), hashes(root));
    assert.match(readFileSync(join(root, 'README.txt'), 'utf8'), /synthetic[^]*not for clinical use/);
  });

  it('do not replace what is something else', async () => {
    const taken = folder('taken');
    writeFileSync(join(taken, 'mine.txt'), '');
    await assert.rejects(writePhantomCamus(taken, config), BadInput);
  });
});
