import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readReport } from 'gemma-3ncore/report/report';
import { doNotShareStamp } from 'gemma-3ncore/report/wording';
import { aviFile, brokenImage } from '../support/avi.js';
import { cli, told, type CliRun } from '../support/cli.js';
import { goodStudy, listHeader, writeEchoNet, type TestStudy } from '../support/echonet.js';
import { useTemporaryFolder } from '../support/folder.js';
import { golden } from '../support/goldens.js';
import { runRecord, tinyConfig, unfinishedIn } from '../support/run.js';

const folderFor = useTemporaryFolder();
const root = folderFor('configs');
const config = tinyConfig(join(root, 'e.json'));
const env = { NCORE_CACHE: folderFor('cache') };

const splits = ['TRAIN', 'TRAIN', 'TRAIN', 'TRAIN', 'VAL', 'TEST', 'TEST', 'TEST'];

/** Studies without a fault, in every split. */
function goodStudies(): TestStudy[] {
  return splits.map((split, i) => {
    const study = goodStudy(`S${i}`);
    study.list[0]!['Split'] = split;
    study.list[0]!['EF'] = String(60 - i);
    study.list[0]!['ESV'] = String(40.08 + 1.002 * i);
    return study;
  });
}

const onEchoNet = (dataRoot: string): string[] => [
  ...['--config', config, '--dataset', 'echonet-dynamic', '--data-root', dataRoot],
];

/** Exit code 2, one sentence that says so, nothing on stdout. */
function assertRefused(run: CliRun, says: RegExp): void {
  assert.equal(run.code, 2, run.stderr);
  assert.equal(run.stdout, '');
  const sentences = told(run).filter((line) => line.startsWith('3ncore: '));
  assert.equal(sentences.length, 1, run.stderr);
  assert.match(sentences[0]!, says);
  assert.doesNotMatch(run.stderr, /^ {4}at /m);
}

describe('3ncore train and start with bad input', () => {
  const refusals: [what: string, args: (out: string) => string[], says: RegExp][] = [
    ['an unknown option', (out) => ['train', '--config', config, '--out', out, '--fast'], /unknown option '--fast'/],
    ['no folder', () => ['train', '--config', config], /required option '--out <dir>' not specified/],
    ['an unknown data set', (out) => ['start', '--dataset', 'mri', '--out', out], /'mri' is invalid\. Allowed choices/],
    [
      'a limit that is no number',
      (out) => ['train', '--limit', 'all', '--out', out],
      /'all' is invalid\. Expected a whole/,
    ],
    [
      'a limit out of range',
      (out) => ['start', '--config', config, '--limit', '0', '--out', out],
      /e\.json, data\.limit: expected a number >= 2, got 0\.$/,
    ],
    [
      'a configuration that is not there',
      (out) => ['start', '--config', join(root, 'absent.json'), '--out', out],
      /absent\.json: expected a readable JSON file, got no such/,
    ],
    [
      'a data set without a folder',
      (out) => ['train', '--config', config, '--dataset', 'echonet-dynamic', '--out', out],
      /data\.root: expected the folder of echonet-dynamic, got null; give --data-root DIR/,
    ],
    [
      'a folder that is no data set',
      (out) => ['start', ...onEchoNet(root), '--out', out],
      /configs.*: expected .*FileList\.csv/,
    ],
  ];

  for (const [what, args, says] of refusals) {
    it(`refuses ${what} in one sentence and writes nothing`, async () => {
      const out = join(root, 'out');
      assertRefused(await cli(args(out), { env }), says);
      assert.ok(!existsSync(out));
    });
  }

  it('refuses a bad value in a configuration, naming file and field', async () => {
    const bad = join(root, 'bad.json');
    writeFileSync(bad, readFileSync(config, 'utf8').replace('"batch_size":4', '"batch_size":"four"'));
    for (const command of ['train', 'start']) {
      const run = await cli([command, '--config', bad, '--out', join(root, 'out')], { env });
      assertRefused(run, /bad\.json, training\.batch_size: expected a value of type integer, got "four"\.$/);
    }
    assert.ok(!existsSync(join(root, 'out')));
  });

  it('refuses a folder that cannot be written or holds files, and leaves it alone', async () => {
    const file = join(root, 'file');
    writeFileSync(file, 'mine');
    const full = folderFor('full');
    writeFileSync(join(full, 'mine'), '');
    for (const [out, says] of [
      [join(file, 'below'), /file.below: expected a folder that can be written, got .*; give another --out\.$/],
      [full, /full: expected a new or empty folder, got one with files in it; give another --out\.$/],
    ] as const) {
      for (const command of ['train', 'start']) {
        assertRefused(await cli([command, '--config', config, '--out', out], { env }), says);
      }
    }
    assert.deepEqual([readFileSync(file, 'utf8'), readdirSync(full)], ['mine', ['mine']]);
  });

  it('refuses a table without a column, naming it', async () => {
    const data = folderFor('column');
    writeEchoNet(data, goodStudies());
    const list = join(data, 'FileList.csv');
    writeFileSync(list, readFileSync(list, 'utf8').replace(listHeader, listHeader.replace('ESV', 'ES_V')));
    const out = join(root, 'out');
    assertRefused(await cli(['train', ...onEchoNet(data), '--out', out], { env }), /FileList\.csv.*ESV/);
    assert.ok(!existsSync(out));
  });

  it('refuses a data set of which nothing is left, saying why', async () => {
    const data = folderFor('no-videos');
    const studies = goodStudies();
    for (const [i, study] of studies.entries()) study.videos = { [`S${i}.avi`]: Buffer.from('no video') };
    writeEchoNet(data, studies);
    const out = join(root, 'out');
    const says =
      /split TRAIN: expected at least 2 usable studies, got 0 \(left out, .*S0: video cannot be read: S0\.avi/;
    for (const command of ['train', 'start']) {
      assertRefused(await cli([command, ...onEchoNet(data), '--out', out], { env }), says);
    }
    assert.ok(!existsSync(out));
  });

  it('records a failure that shows only later', async () => {
    const data = folderFor('none-decodes');
    const studies = goodStudies();
    const broken = aviFile(Array.from({ length: 12 }, () => brokenImage));
    for (const [i, study] of studies.entries()) study.videos = { [`S${i}.avi`]: broken };
    writeEchoNet(data, studies);
    const out = join(root, 'later');
    const run = await cli(['train', ...onEchoNet(data), '--out', out], { env });
    assertRefused(run, /none-decodes: expected videos that can be decoded, got none \(S0\.avi, frame 8/);
    const { status, error } = runRecord(out);
    assert.equal(status, 'failed');
    assert.match(error ?? '', /expected videos that can be decoded/);
    assert.deepEqual(unfinishedIn(out), []);
  });
});

describe('3ncore train with a few bad studies', () => {
  it('leaves them out with reasons and goes on', async () => {
    const data = folderFor('some-bad');
    const studies = goodStudies();
    const broken = aviFile(Array.from({ length: 12 }, () => brokenImage));
    studies[0]!.videos = { 'S0.avi': broken };
    studies[1]!.videos = { 'S1.avi': Buffer.from('no video') };
    writeEchoNet(data, studies);
    const out = join(root, 'some-bad');
    const { code, stderr } = await cli(['train', ...onEchoNet(data), '--out', out], { env });
    assert.equal(code, 0, stderr);
    const rows = readFileSync(join(out, 'studies.csv'), 'utf8').split('\n');
    assert.match(
      rows.find((row) => row.startsWith('S1,')) ?? '',
      /^S1,4CH,TRAIN,false,"?video cannot be read: S1\.avi/,
    );
    const conduit = readReport(out, 'conduit');
    assert.deepEqual(
      conduit.body.excluded.map(({ study }) => study),
      ['S1'],
    );
    assert.deepEqual(conduit.stamps, [doNotShareStamp]);
    const unreadable = readReport(out, 'active').tables.find(({ name }) => name === 'unreadable');
    assert.deepEqual(
      unreadable?.rows.map((row) => row['study']),
      ['S0'],
    );
    assert.equal(conduit.body.dataset.restricted, true);
  });
});

describe('--json', () => {
  it('prints one document to stdout', async () => {
    const data = folderFor('json');
    mkdirSync(data, { recursive: true });
    writeEchoNet(data, goodStudies());
    const check = await cli(['data', 'check', '--dataset', 'echonet-dynamic', '--data-root', data, '--json']);
    const verify = await cli(['verify', golden('preprocess'), '--json']);
    assert.equal((JSON.parse(check.stdout) as { usable: number }).usable, splits.length);
    assert.equal((JSON.parse(verify.stdout) as { passed: boolean }).passed, true);
    assert.deepEqual([check.code, verify.code], [0, 0]);
    const nothing = await cli(['verify', root, '--json']);
    assert.equal(nothing.code, 1);
    assert.equal((JSON.parse(nothing.stdout) as { passed: boolean }).passed, false);
  });
});
