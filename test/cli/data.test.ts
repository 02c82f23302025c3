import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { dataCommand } from 'gemma-3ncore/cli/data';
import { BadInput } from 'gemma-3ncore/host/errors';
import { goodPatient, writePatient } from '../support/camus.js';
import { goodStudy, writeEchoNet } from '../support/echonet.js';
import { useTemporaryFolder } from '../support/folder.js';

const folderFor = useTemporaryFolder();

/** Runs `data …` in a process of its own. */
function run(...parameters: string[]): { output: string; exitCode: number | null } {
  const script = `void require('gemma-3ncore/cli/data').dataCommand().parseAsync(process.argv.slice(1), { from: 'user' })`;
  const result = spawnSync(process.execPath, ['-e', script, '--', ...parameters], { encoding: 'utf8', cwd: __dirname });
  return { output: result.stdout, exitCode: result.status };
}

const parse = (...parameters: string[]): Promise<unknown> => dataCommand().parseAsync(parameters, { from: 'user' });

describe('cli/data', () => {
  it('prints one JSON document with a verdict on every study', () => {
    const root = folderFor('json');
    const bad = goodStudy('B');
    bad.list[0]!['ESV'] = 'NaN';
    writeEchoNet(root, [goodStudy('A'), bad]);
    const { output, exitCode } = run('check', '--dataset', 'echonet-dynamic', '--data-root', root, '--json');
    assert.equal(exitCode, 0);
    const study = { view: '4CH', split: 'TRAIN', edFrame: 8, esFrame: 3, EDV: 100.2, EF: 60.2 };
    assert.deepEqual(JSON.parse(output), {
      dataset: 'echonet-dynamic',
      usable: 1,
      excluded: 1,
      studies: [
        { id: 'A', usable: true, reasons: [], ...study, ESV: 40.1 },
        { id: 'B', usable: false, reasons: ['ESV is not a number: "NaN"'], ...study, ESV: null },
      ],
    });
  });

  it('prints counts and grouped reasons for people, text from data escaped', () => {
    const root = folderFor('text');
    const bad = ['B\u001b[31m', 'C', 'D'].map((id) => {
      const study = goodStudy(id);
      study.videos = {};
      return study;
    });
    writeEchoNet(root, [goodStudy('A'), ...bad]);
    const { output, exitCode } = run('check', '--dataset', 'phantom', '--data-root', root);
    assert.equal(exitCode, 0);
    assert.match(output, /4 studies: 1 usable \(TRAIN 1, VAL 0, TEST 0\), 3 left out/);
    assert.match(output, / {6}3 {2}video is missing {2}B\\u\{1b\}\[31m: video is missing: Videos\//);
    assert.ok(!output.includes('\u001b'));
    assert.match(output, /For research only; not for clinical use\.\n$/);
  });

  it('checks a CAMUS folder and says where its split comes from', () => {
    const root = folderFor('camus');
    const odd = goodPatient('patient0002');
    odd['patient0002_2CH_ED.nii.gz'] = '<html>';
    writePatient(root, 'patient0001', goodPatient('patient0001'));
    writePatient(root, 'patient0002', odd);
    const { output, exitCode } = run('check', '--dataset', 'camus', '--data-root', root);
    assert.equal(exitCode, 0);
    assert.match(
      output,
      /\nLicence: CC BY-NC-SA 4\.0 .*; terms: https:\/\/www\.creatis\.insa-lyon\.fr\/.*\nFor research/,
    );
    assert.match(output, /4 studies: 3 usable \(TRAIN 3, VAL 0, TEST 0\), 1 left out\nThe split is that of the ranges/);
    assert.match(output, / {6}1 {2}image cannot be read {2}patient0002_2CH: image cannot be read: patient0002_2CH_ED/);
    const json = run('check', '--dataset', 'camus', '--data-root', root, '--json');
    const { usable, notes } = JSON.parse(json.output) as { usable: number; notes: string[] };
    assert.deepEqual([usable, notes.length], [3, 2]);
  });

  it('exits 2 where no study is usable, and refuses bad options', async () => {
    const root = folderFor('none');
    const bad = goodStudy('A');
    bad.tracings = [];
    writeEchoNet(root, [bad]);
    assert.equal(run('check', '--dataset', 'phantom', '--data-root', root, '--json').exitCode, 2);
    await assert.rejects(parse('check', '--dataset', 'camera', '--data-root', root), BadInput);
    await assert.rejects(parse('check', '--dataset', 'phantom', '--data-root', root, '--limit', '-3'), BadInput);
    await assert.rejects(parse('check', '--dataset', 'phantom', '--data-root', `${root}/absent`), BadInput);
  });
});
