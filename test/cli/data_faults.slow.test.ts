import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'csv-parse/sync';
import { openDataset, studiesCsv, type DatasetName } from 'gemma-3ncore/data/dataset';
import { cli, told, type CliRun } from '../support/cli.js';
import { camusFaults, writeCamusFaults } from '../support/camus_faults.js';
import { clipFaults, clipTable, writeClipFaults } from '../support/clip_faults.js';
import { patientName } from '../support/dicom.js';
import { goodStudy } from '../support/echonet.js';
import { echonetFaults, writeEchoNetFaults } from '../support/echonet_faults.js';
import { useTemporaryFolder } from '../support/folder.js';
import { tinyConfig } from '../support/run.js';

const folderFor = useTemporaryFolder();

/** A study as contract 7.4 of the design has it. */
interface JsonStudy {
  readonly id: string;
  readonly view: string;
  readonly split: string | null;
  readonly usable: boolean;
  readonly reasons: readonly string[];
  readonly edFrame: number | null;
  readonly esFrame: number | null;
  readonly EDV: number | null;
  readonly ESV: number | null;
  readonly EF: number | null;
}

interface JsonDocument {
  readonly dataset: string;
  readonly usable: number;
  readonly excluded: number;
  readonly studies: readonly JsonStudy[];
}

const fields = ['id', 'view', 'split', 'usable', 'reasons', 'edFrame', 'esFrame', 'EDV', 'ESV', 'EF'] as const;
const numbers = ['edFrame', 'esFrame', 'EDV', 'ESV', 'EF'] as const;
/** What a terminal would obey or hide; line breaks are the document's own. */
const unprintable = /(?!\n)[\p{Cc}\p{Cf}\u2028\u2029]/u;

/** Runs `data check` with so little room that a table or a picture without end would show. */
function check(dataset: string, root: string, ...options: string[]): Promise<CliRun> {
  const env = { NODE_OPTIONS: '--max-old-space-size=300' };
  return cli(['data', 'check', '--dataset', dataset, '--data-root', root, ...options], { env });
}

/** The document that `--json` prints, after asserting that it is the contract's and stands alone. */
async function documentOf(dataset: string, root: string): Promise<JsonDocument> {
  const run = await check(dataset, root, '--json');
  assert.equal(run.code, 0, run.stderr);
  assert.deepEqual(
    told(run).filter((line) => !/^checking (studies|patients|clips) \d+\/\d+/.test(line)),
    [],
  );
  assert.doesNotMatch(run.stdout, unprintable);
  const document = JSON.parse(run.stdout) as JsonDocument;
  assert.deepEqual(Object.keys(document).slice(0, 3), ['dataset', 'usable', 'excluded']);
  assert.equal(document.dataset, dataset);
  const usable = document.studies.filter((study) => study.usable).length;
  assert.deepEqual([document.usable, document.excluded], [usable, document.studies.length - usable]);
  for (const study of document.studies) {
    assert.deepEqual(Object.keys(study).slice(0, fields.length), fields, study.id);
    assert.equal(study.usable, study.reasons.length === 0, study.id);
    for (const field of numbers) assert.ok(study[field] === null || Number.isFinite(study[field]), study.id);
    for (const reason of study.reasons) assert.match(reason, /^\p{L}.*[^.]$/u, study.id);
  }
  return document;
}

/** Asserts that `studies.csv` says the same as the document. */
async function assertSameTable(dataset: DatasetName, root: string, { studies }: JsonDocument): Promise<void> {
  const text = studiesCsv(await openDataset(dataset, root));
  const rows = parse(text, { columns: true }) as Record<string, string>[];
  const shown = (value: number | string | null): string => (value === null ? '' : String(value));
  const expected = studies.map((study) => ({
    ...{ study: study.id, view: study.view, split: shown(study.split) },
    ...{ usable: String(study.usable), reason: study.reasons.join('; ') },
    ...Object.fromEntries(numbers.map((field) => [field, shown(study[field])])),
  }));
  const names = ['study', 'view', 'split', 'usable', 'reason', ...numbers];
  assert.deepEqual(
    rows.map((row) => Object.fromEntries(names.map((name) => [name, row[name]]))),
    expected,
  );
}

/** Asserts the verdict on a study with a fault. */
function assertVerdict(study: JsonStudy | undefined, reason: RegExp | 'usable', name: string): void {
  assert.ok(study, name);
  if (reason === 'usable') assert.deepEqual([study.usable, study.reasons], [true, []], name);
  else assert.ok(!study.usable && study.reasons.some((text) => reason.test(text)), `${name}: ${study.reasons.join()}`);
}

describe('data check over folders of faults', () => {
  it('judges every study of EchoNet-Dynamic by itself', { timeout: 60_000 }, async () => {
    const root = folderFor('echonet');
    writeEchoNetFaults(root);
    const document = await documentOf('echonet-dynamic', root);
    const last = (id: string): JsonStudy | undefined => document.studies.filter((study) => study.id === id).at(-1);
    for (const [id, { reason }] of Object.entries(echonetFaults)) assertVerdict(last(id), reason, id);
    for (const id of ['first', 'last']) assertVerdict(last(id), 'usable', id);
    await assertSameTable('echonet-dynamic', root, document);
  });

  it('judges every view of CAMUS by itself', { timeout: 60_000 }, async () => {
    const root = folderFor('camus');
    const byPatient = writeCamusFaults(root);
    const document = await documentOf('camus', root);
    assert.equal(document.studies.length, 2 * (1 + camusFaults.length));
    const of = (id: string): JsonStudy | undefined => document.studies.find((study) => study.id === id);
    for (const view of ['2CH', '4CH']) assertVerdict(of(`patient0001_${view}`), 'usable', view);
    for (const [patient, [what, , reason, both]] of byPatient) {
      // Reasons name the patient.
      const own = reason === 'usable' ? reason : new RegExp(reason.source.replaceAll('patient0007', patient));
      assertVerdict(of(`${patient}_4CH`), own, what);
      assert.equal(of(`${patient}_2CH`)?.usable, !both, what);
    }
    await assertSameTable('camus', root, document);
  });

  it('judges every clip of a folder of own clips by itself', { timeout: 60_000 }, async () => {
    const root = folderFor('own/clips');
    writeClipFaults(root);
    const document = await documentOf('clips', root);
    for (const [name, { reason }] of Object.entries(clipFaults)) {
      assertVerdict(
        document.studies.find(({ id }) => id === name),
        reason,
        name,
      );
    }
    assert.ok(!JSON.stringify(document).includes(patientName));
    await assertSameTable('clips', root, document);
    const { code, stdout } = await check('clips', root);
    assert.equal(code, 0);
    assert.doesNotMatch(stdout, unprintable);
    assert.ok(stdout.includes(`${document.usable} usable`) && stdout.includes(`${document.excluded} left out`));
    assert.match(stdout, /\nEvery study that is left out stands, with all its reasons, in what --json prints\.\n/);
  });

  it('lets a whole run end, whose report gives the same reasons', { timeout: 180_000 }, async () => {
    const root = folderFor('run/data');
    const further = ['VAL', 'VAL', 'TEST', 'TEST', 'TEST'].map((split, i) => {
      const study = goodStudy(`${split}${i}`);
      study.list[0]!['Split'] = split;
      return study;
    });
    writeEchoNetFaults(root, further);
    const { studies } = await documentOf('echonet-dynamic', root);
    const out = join(folderFor('run'), 'out');
    const config = tinyConfig(join(folderFor('run'), 'e.json'));
    const source = ['--config', config, '--dataset', 'echonet-dynamic', '--data-root', root];
    const run = await cli(['train', ...source, '--out', out], { env: { NCORE_CACHE: folderFor('cache') } });
    assert.equal(run.code, 0, run.stderr);
    const report = JSON.parse(readFileSync(join(out, 'conduit.report.json'), 'utf8')) as {
      body: { excluded: { study: string; reasons: string[] }[] };
    };
    assert.deepEqual(
      report.body.excluded.map(({ study, reasons }) => [study, reasons]),
      studies.filter(({ usable }) => !usable).map(({ id, reasons }) => [id, reasons]),
    );
  });

  it('exits 2 where no study is usable, and where there is no such data set in one sentence alone', async () => {
    const root = folderFor('none');
    writeFileSync(join(root, 'clips.csv'), clipTable([{ FileName: 'missing.avi' }]));
    const unusable = await check('clips', root, '--json');
    assert.equal(unusable.code, 2);
    assert.equal((JSON.parse(unusable.stdout) as JsonDocument).excluded, 1);
    const odd = join(root, 'fol\u001b[31mder');
    mkdirSync(odd);
    const run = await check('echonet-dynamic', odd, '--json');
    assert.deepEqual([run.code, run.stdout], [2, '']);
    assert.equal(told(run).length, 1);
    assert.match(run.stderr, /^3ncore: .*fol\\u\{1b\}\[31mder: expected an EchoNet-Dynamic folder .*, got no.*\.\n$/m);
  });
});
