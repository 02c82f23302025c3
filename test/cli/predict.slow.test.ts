import assert from 'node:assert/strict';
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { csvRows } from 'gemma-3ncore/files/csv';
import { readJsonObject, writeJson } from 'gemma-3ncore/files/json';
import { float32Data, openSafetensors, writeSafetensors, type TensorData } from 'gemma-3ncore/files/safetensors';
import { researchOnly } from 'gemma-3ncore/report/wording';
import { cli, told } from '../support/cli.js';
import { useFolder } from '../support/folder.js';
import { adapterOf, tinyConfig } from '../support/run.js';

const root = useFolder();
const cache = join(root, 'cache');
const run = join(root, 'run');
const inFull = join(root, 'full');
const env = { NCORE_CACHE: cache };

interface Row {
  readonly study: string;
  readonly targets: readonly number[];
}

/** What the distilled student said of TEST studies in training's own evaluation. */
async function predictedRows(folder = run): Promise<Row[]> {
  const rows: Row[] = [];
  const columns = ['study', 'split', 'model', 'EDV_pred', 'ESV_pred', 'EF_pred'] as const;
  for await (const { values } of csvRows(join(folder, 'predictions.csv'), columns)) {
    const { study, split, model, EDV_pred, ESV_pred, EF_pred } = values;
    if (split === 'TEST' && model === 'distilled')
      rows.push({ study, targets: [EDV_pred, ESV_pred, EF_pred].map(Number) });
  }
  return rows;
}

async function framesOf(study: string): Promise<string[]> {
  for await (const { values } of csvRows(join(run, 'studies.csv'), ['study', 'edFrame', 'esFrame'])) {
    if (values.study === study) return ['--ed', values.edFrame, '--es', values.esFrame];
  }
  throw new Error(`no study ${study}`);
}

const videoOf = (study: string): string => {
  const [set] = readdirSync(join(cache, 'phantoms'));
  return join(cache, 'phantoms', set!, 'Videos', `${study}.avi`);
};

interface Document {
  readonly research_only: string;
  readonly files: readonly Record<string, unknown>[];
}

describe('3ncore predict', () => {
  let adapter: string;
  before(async () => {
    const configs = [
      [run, tinyConfig(join(root, 'tiny.json'))],
      [inFull, tinyConfig(join(root, 'full.json'), {}, { adapter: null })],
    ] as const;
    for (const [out, config] of configs) {
      const trained = await cli(['train', '--config', config, '--out', out], { env });
      assert.equal(trained.code, 0, trained.stderr);
    }
    adapter = adapterOf(run, 'distilled');
  });

  for (const folder of [run, inFull]) {
    it(`says of a clip what training ${folder === run ? 'an adapter' : 'in full'} said of it, with a picture`, async () => {
      const [{ study, targets }] = (await predictedRows(folder)) as [Row];
      const out = join(folder, 'pictures');
      const options = ['--adapter', adapterOf(folder, 'distilled'), ...(await framesOf(study)), '--out', out, '--json'];
      const { code, stdout, stderr } = await cli(['predict', videoOf(study), ...options], { env });
      assert.equal(code, 0, stderr);
      const { research_only, files } = JSON.parse(stdout) as Document;
      assert.equal(research_only, researchOnly);
      const [file] = files as [Record<string, unknown>];
      const found = [file['EDV'], file['ESV'], file['EF']] as number[];
      // One study at a time instead of a batch: rounding of single precision.
      found.forEach((value, i) => assert.ok(Math.abs(value - targets[i]!) < 1e-3, `${value} and ${targets[i]}`));
      const volumes = (100 * (found[0]! - found[1]!)) / found[0]!;
      assert.equal(file['EF_from_volumes'], volumes);
      assert.deepEqual([file['view'], file['how'], file['decoder']], ['4CH', 'given', 'mjpeg']);
      // Phantoms have 40 to 60 frames a second.
      assert.ok(Math.abs((file['fps'] as number) - 50) <= 10, String(file['fps']));
      // The AVI file says nothing of the 1.5 mm a pixel that phantoms have.
      assert.match(
        String(file['warnings']),
        /never saw a patient.*gives no pixel spacing; a pixel .* was .* mm in training/,
      );
      assert.deepEqual([file['curve'], file['volumeFactor']], [null, null]);
      assert.equal(readFileSync(String(file['picture'])).toString('latin1', 1, 4), 'PNG');
    });
  }

  it('finds the frames where none are given', async () => {
    const [{ study }] = (await predictedRows()) as [Row];
    const options = ['--adapter', adapter, '--out', join(root, 'found'), '--json'];
    const { code, stdout, stderr } = await cli(['predict', videoOf(study), ...options], { env });
    assert.equal(code, 0, stderr);
    const [file] = (JSON.parse(stdout) as Document).files as [Record<string, unknown>];
    assert.deepEqual([file['how'], typeof file['confidence']], ['found', 'number']);
    assert.match(readFileSync(String(file['curve']), 'utf8'), /^<svg/);
    const [edFrame, esFrame] = [file['edFrame'] as number, file['esFrame'] as number];
    assert.ok(edFrame < esFrame, `${edFrame} and ${esFrame}`);
  });

  it('goes past files that cannot be used: exit 1, and 2 when none can', async () => {
    const bad = join(root, '<b>bad\u001b[31m.avi');
    writeFileSync(bad, 'no video');
    const [{ study }] = (await predictedRows()) as [Row];
    const options = ['--adapter', adapter, '--out', join(root, 'more')];
    const some = await cli(['predict', bad, videoOf(study), ...options], { env });
    assert.equal(some.code, 1, some.stderr);
    assert.ok(some.stdout.includes(`${study}.avi`) && some.stdout.includes(researchOnly));
    assert.ok(!(some.stdout + some.stderr).includes('\u001b[31m'));
    const none = await cli(['predict', bad, ...options, '--json'], { env });
    assert.equal(none.code, 2);
    const [file] = (JSON.parse(none.stdout) as Document).files;
    assert.match(String(file!['error']), /expected a video file/);
  });

  it('refuses adapter and regressor files with a missing, extra, misshapen or foreign entry by its name', async () => {
    const [{ study }] = (await predictedRows()) as [Row];
    const video = videoOf(study);
    const wrong: [string, (entries: Map<string, TensorData>, first: string) => void, (first: string) => string][] = [
      ['adapter_model', (entries, first) => entries.delete(first), (first) => `expected an entry ${first}, got none`],
      ['regressor', (entries, first) => entries.delete(first), (first) => `expected an entry ${first}, got none`],
      [
        'adapter_model',
        (entries, first) => entries.set('extra', entries.get(first)!),
        () => 'entry extra: expected only',
      ],
      ['regressor', (entries, first) => entries.set('extra', entries.get(first)!), () => 'entry extra: expected only'],
      [
        'adapter_model',
        (entries, first) => entries.set(first, float32Data(new Float32Array(3), [3])),
        (first) => `entry ${first}: expected shape`,
      ],
      [
        'regressor',
        (entries, first) => entries.set(first, float32Data(new Float32Array(3), [3])),
        (first) => `entry ${first}: expected shape`,
      ],
    ];
    for (const [i, [name, edit, message]] of wrong.entries()) {
      const copy = join(root, `wrong${i}`);
      cpSync(adapter, copy, { recursive: true });
      const path = join(copy, `${name}.safetensors`);
      const file = openSafetensors(path);
      const entries = new Map([...file.names()].map((n) => [n, float32Data(file.read(n), file.shapeOf(n))] as const));
      file.close();
      const [first = ''] = [...entries.keys()].filter((entry) => !entry.startsWith('projectors.'));
      edit(entries, first);
      await writeSafetensors(path, entries);
      const { code, stderr } = await cli(['predict', video, '--adapter', copy], { env });
      assert.equal(code, 2, stderr);
      assert.ok(stderr.includes(message(first)), stderr);
    }
    const foreign = join(root, 'foreign');
    cpSync(adapter, foreign, { recursive: true });
    const path = join(foreign, 'adapter_model.safetensors');
    const file = openSafetensors(path);
    const entries = [...file.names()].map((n) => [n, float32Data(file.read(n), file.shapeOf(n))] as const);
    file.close();
    await writeSafetensors(path, new Map(entries), { format: 'pt', base_sha256: 'another' });
    const { code, stderr } = await cli(['predict', video, '--adapter', foreign], { env });
    assert.equal(code, 2, stderr);
    assert.match(stderr, /base_sha256: expected [0-9a-f]{64} of .*, got another/);
  });

  it('opens a regressor of before its frames were recorded, and says so', async () => {
    const [{ study }] = (await predictedRows()) as [Row];
    const older = join(root, 'older');
    cpSync(adapter, older, { recursive: true });
    const { trainingFrames, ...rest } = readJsonObject(join(older, 'regressor.json'));
    assert.equal((trainingFrames as { dataset: string }).dataset, 'phantom');
    await writeJson(join(older, 'regressor.json'), rest);
    const options = ['--adapter', older, '--ed', '1', '--es', '2', '--out', join(root, 'old')];
    const { code, stderr } = await cli(['predict', videoOf(study), ...options], { env });
    assert.equal(code, 0, stderr);
    assert.match(stderr, /gives no pixel spacing, and that of the training frames was not recorded/);
  });

  it('refuses an adapter that is none, over another base, and frames for several files', async () => {
    const [{ study }] = (await predictedRows()) as [Row];
    const video = videoOf(study);
    const none = await cli(['predict', video, '--adapter', root], { env });
    assert.equal(none.code, 2);
    assert.match(told(none).join(), /regressor\.json: expected a readable JSON file/);
    const two = await cli(['predict', video, video, '--adapter', adapter, '--ed', '1', '--es', '2'], { env });
    assert.match(told(two).join(), /--ed and --es: expected one file, got 2 files/);
    const path = join(adapter, 'regressor.json');
    const regressor = readJsonObject(path);
    await writeJson(path, { ...regressor, base: { ...(regressor['base'] as object), seed: 99 } });
    const other = await cli(['predict', video, '--adapter', adapter, '--ed', '1', '--es', '2'], { env });
    assert.equal(other.code, 2);
    assert.match(told(other).join(), /expected those that the adapter was trained over/);
    assert.ok(!existsSync('predictions'));
  });
});
