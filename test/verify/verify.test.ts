import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { openSafetensors, writeSafetensors, type TensorData } from 'gemma-3ncore/files/safetensors';
import { projectPath } from 'gemma-3ncore/host/places';
import { verify, type VerifyReport } from 'gemma-3ncore/verify';
import { useFolder } from '../support/folder.js';
import { golden } from '../support/goldens.js';

const folder = useFolder();

/** A copy of a golden case with one tensor of one file changed, by default the model's output. */
async function tampered(
  name: string,
  from: string,
  file: string,
  change: (data: TensorData) => TensorData,
  changed: readonly string[] = ['output', 'last_hidden_state'],
) {
  const copy = join(folder, name);
  cpSync(from, copy, { recursive: true });
  const source = openSafetensors(join(from, file));
  const tensors = new Map(
    [...source.names()].map((tensor) => {
      const data = { dtype: source.dtypeOf(tensor), shape: source.shapeOf(tensor), data: source.bytes(tensor) };
      return [tensor, changed.includes(tensor) ? change(data) : data];
    }),
  );
  source.close();
  await writeSafetensors(join(copy, file), tensors);
  return copy;
}

/** Adds to the value at an index. */
function shifted(data: TensorData, index: number, by: number): TensorData {
  const values = new Float32Array(data.data.slice().buffer);
  values[index]! += by;
  return { ...data, data: new Uint8Array(values.buffer) };
}

function cli(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return cliOn(undefined, ...args);
}

/** The command in a process of its own, on the given engine. */
function cliOn(engine: string | undefined, ...args: string[]) {
  return spawnSync(process.execPath, [projectPath('lib', 'bin', '3ncore.cjs'), 'verify', ...args], {
    encoding: 'utf8',
    env: { ...process.env, ...(engine === undefined ? {} : { NCORE_ENGINE: engine }) },
  });
}

/** Adapted and merged outputs of 4 + 3 cases (2 and 1 each), the base's in siglip_lora and mnv5_lora, 4 merged weights a case (3 in mnv5_conv3x3_lora). */
const loraTensors = 4 * 4 + 3 * 2 + 2 + 1 + 6 * 4 + 3;
/** Three cases: gradients, six numbers a step, final weights (distill/kd_goldens.test.ts). */
const kdTensors = 3 * (74 + 60 + 74);
/** Language model, two slices of it (configuration, tensors, outputs), names of E4B. */
const gemmaCases = 1 + 2 * 3 + 1;
/** Ten states and the logits; 35 fields, 149 and 191 tensors, two outputs of each slice. */
const gemmaTensors = 11 + (35 + 149 + 2) + (35 + 191 + 2) + 806;

describe('verify', () => {
  it('passes every golden case from the root, lists what it does not replay and leaves no tensor', async () => {
    await verify([golden('preprocess')]);
    const before = tf.memory().numTensors;
    const report = await verify([golden()]);
    assert.equal(tf.memory().numTensors, before);
    assert.deepEqual(
      report.cases.filter((c) => !c.passed),
      [],
    );
    assert.equal(report.cases.length, 15 + 7 * 2 + 9 + 6 + gemmaCases);
    assert.equal(
      report.cases.reduce((sum, c) => sum + c.tensors, 0),
      28 +
        4 * 3 +
        6 +
        6 +
        7 +
        4 +
        6 +
        44 +
        (548 + 239 + 448 + 437) +
        loraTensors +
        kdTensors +
        3 * (28 + 2) +
        gemmaTensors,
    );
    assert.ok(report.passed);
    assert.deepEqual(report.notReplayed, []);
  });

  it('takes the folder of a kind, a single case, and each case once', async () => {
    const names = async (...dirs: string[]): Promise<string[]> => (await verify(dirs)).cases.map((c) => c.name);
    assert.equal((await names(golden('mobilenetv5'))).length, 5);
    assert.deepEqual(await names(golden('siglip', 'p16_64_nohead_bf16_sharded')), [
      'siglip/p16_64_nohead_bf16_sharded/io.safetensors',
    ]);
    assert.equal((await names(golden('siglip'), golden('siglip', 'p14_56'))).length, 3);
  });

  it('replays adapters alone and says which base is missing', async () => {
    assert.equal((await verify([golden('lora', 'mnv5_dora')])).passed, true);
    cpSync(golden('lora', 'siglip_lora'), join(folder, 'alone'), { recursive: true });
    const { cases } = await verify([join(folder, 'alone')]);
    assert.match(cases[0]!.where, /expected siglip\/p14_56 in a folder above it, got none/);
  });

  it('refuses an adapter with a missing entry by its name, in one line, with exit 1', async () => {
    cpSync(golden('siglip', 'p14_56'), join(folder, 'root', 'siglip', 'p14_56'), { recursive: true });
    cpSync(golden('lora', 'siglip_lora'), join(folder, 'root', 'lora', 'siglip_lora'), { recursive: true });
    const path = join(folder, 'root', 'lora', 'siglip_lora', 'adapter_model.safetensors');
    const source = openSafetensors(path);
    const missing = 'base_model.model.encoder.layers.0.self_attn.k_proj.lora_A.weight';
    const kept = [...source.names()].filter((name) => name !== missing);
    const entries = kept.map((name) => {
      return [name, { dtype: source.dtypeOf(name), shape: source.shapeOf(name), data: source.bytes(name) }] as const;
    });
    source.close();
    await writeSafetensors(path, new Map(entries));
    const { status, stdout } = cli(join(folder, 'root', 'lora'));
    assert.equal(status, 1);
    assert.match(
      stdout,
      new RegExp(`^FAIL  lora/siglip_lora  .*expected an entry ${missing.replaceAll('.', '\\.')}, got none`),
    );
  });

  it('finds a case in a folder of another name', async () => {
    cpSync(golden('quant'), join(folder, 'matrices'), { recursive: true });
    assert.equal((await verify([join(folder, 'matrices')])).cases.length, 6);
    cpSync(golden('siglip', 'p14_56'), join(folder, 'elsewhere'), { recursive: true });
    assert.equal((await verify([join(folder, 'elsewhere')])).cases.length, 2);
  });

  it('fails a case whose numbers differ, and says where', async () => {
    const copy = await tampered('numbers', golden('mobilenetv5', 'm1'), 'case1_96x96_msfa2.safetensors', (data) =>
      shifted(data, 2 * 2 * 5 + 3, 0.01),
    );
    const report = await verify([copy]);
    assert.equal(report.passed, false);
    const [bad] = report.cases.filter((c) => !c.passed);
    assert.match(bad!.where, /^output \[0, 5, 1, 1\]$/);
    // 0.01 was added to what differed by rounding.
    assert.ok(Math.abs(bad!.worst! - 0.01) < 1e-4);
  });

  it('fails a case with NaN, one of another shape and one with a damaged file, the others are still compared', async () => {
    const base = golden('siglip', 'p14_56');
    const nan = await tampered('nan', base, 'io.safetensors', (data) => shifted(data, 7, NaN));
    const shape = await tampered('shape', base, 'io.safetensors', (data) => ({ ...data, shape: [2, 48, 16] }));
    const damaged = join(folder, 'damaged');
    cpSync(base, damaged, { recursive: true });
    rmSync(join(damaged, 'io.safetensors'));
    writeFileSync(join(damaged, 'io.safetensors'), 'nothing');
    const failed = await Promise.all([nan, shape, damaged].map((dir) => verify([dir])));
    for (const report of failed)
      assert.deepEqual(
        report.cases.map((c) => c.passed),
        [false, true],
      );
    assert.match(failed[0]!.cases[0]!.where, /^last_hidden_state \[0, 0, 7\]/);
    assert.match(failed[1]!.cases[0]!.where, /expected shape \[2, 48, 16\], got \[2, 16, 48\]/);
    assert.match(failed[2]!.cases[0]!.where, /expected a safetensors file, got 7 bytes/);
  });

  it('fails resized images that are two grey levels off in one pixel, or one level in too many', async () => {
    const from = golden('preprocess');
    const levels = (pixels: number, by: number) => (data: TensorData) => {
      const bytes = Uint8Array.from(data.data, (x, i) => (i < pixels ? x + (x < 128 ? by : -by) : x));
      return { ...data, data: bytes };
    };
    const verdict = async (name: string, tensor: string, pixels: number, by: number) => {
      const copy = await tampered(name, from, 'preprocess.safetensors', levels(pixels, by), [tensor]);
      return (await verify([copy])).cases.find((c) => c.name.endsWith('preprocess.safetensors'))!;
    };
    // 42 · 42 · 3 values: 0.1 % are five.
    assert.equal((await verdict('off1', 'u8.pil.0.42.bicubic', 5, 1)).passed, true);
    const many = await verdict('off2', 'u8.pil.0.42.bicubic', 6, 1);
    assert.equal(many.passed, false);
    assert.match(many.where, /^u8\.pil\.0\.42\.bicubic, share of unequal values$/);
    const far = await verdict('off3', 'u8.pil.2.28.bilinear', 1, 2);
    assert.equal(far.passed, false);
    assert.match(far.where, /^u8\.pil\.2\.28\.bilinear \[0, 0, 0\]$/);
  });

  it('fails a list of names that is not the one of the model', async () => {
    const copy = join(folder, 'full');
    cpSync(golden('full'), copy, { recursive: true });
    const file = join(copy, 'mobilenetv5_base.keys.json');
    const list = JSON.parse(readFileSync(file, 'utf8')) as { keys: Record<string, number[]> };
    list.keys['conv_stem.bn.weight'] = [63];
    writeFileSync(file, JSON.stringify(list));
    writeFileSync(join(copy, 'other.keys.json'), JSON.stringify(list));
    const { cases, notReplayed } = await verify([copy]);
    assert.deepEqual(
      cases.filter((c) => !c.passed).map((c) => [c.name, c.where]),
      [['full/mobilenetv5_base.keys.json', 'conv_stem.bn.weight: expected [63], got [64]']],
    );
    assert.deepEqual(notReplayed, ['other_keys/full']);
  });

  it("fails a slice whose configuration or a tensor's sha256 is another, and says whose slice is missing", async () => {
    const copy = join(folder, 'slices');
    for (const name of ['text', 'text_e2b_like'])
      cpSync(golden('gemma3n', name), join(copy, name), { recursive: true });
    const edit = (file: string, change: (json: Record<string, unknown>) => object): void => {
      const path = join(copy, 'text_e2b_like', file);
      writeFileSync(path, JSON.stringify(change(JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>)));
    };
    edit('config.json', (json) => ({ ...json, num_kv_shared_layers: 4 }));
    const wrong = 'model.layers.5.mlp.down_proj.weight';
    edit('tensors.json', (json) => ({ ...json, [wrong]: { shape: [32, 32], sha256: '0'.repeat(64) } }));
    const { cases } = await verify([join(copy, 'text_e2b_like')]);
    assert.deepEqual(
      cases.map((c) => [c.passed, c.where.replace(/ \[.*/, '')]),
      [
        [false, 'num_kv_shared_layers: expected 4, got 2'],
        [false, `${wrong}: another shape or sha256`],
        [true, cases[2]!.where.replace(/ \[.*/, '')],
      ],
    );
    rmSync(join(copy, 'text'), { recursive: true });
    const [alone] = (await verify([copy])).cases;
    assert.match(alone!.where, /expected a folder beside it whose meta\.json lists it among its slices, got none/);
  });

  it('fails a case whose configuration is damaged', async () => {
    const damaged = join(folder, 'siglip', 'config');
    cpSync(golden('siglip', 'p14_56'), damaged, { recursive: true });
    rmSync(join(damaged, 'config.json'));
    writeFileSync(join(damaged, 'config.json'), '{');
    const { cases } = await verify([join(folder, 'siglip')]);
    assert.deepEqual(
      cases.map((c) => [c.name, c.passed]),
      [['siglip/config', false]],
    );
    assert.match(cases[0]!.where, /config\.json: expected JSON/);
  });

  it('fails when nothing was found', async () => {
    mkdirSync(join(folder, 'nothing'));
    assert.equal((await verify([join(folder, 'nothing')])).passed, false);
  });

  it('passes every golden case on wasm, where training is not replayed', () => {
    const { status, stdout } = cliOn('wasm', golden(), '--json');
    const report = JSON.parse(stdout) as VerifyReport;
    assert.deepEqual(
      [report.engine, report.cases.length, report.passed, status],
      ['wasm', 15 + 7 * 2 + 6 + gemmaCases, true, 0],
    );
    assert.ok(report.notReplayed.includes('kd/kd1'));
  });

  it('answers on the command line with 0, 1 and 2', () => {
    const good = cli(golden('preprocess'), '--json');
    assert.equal(good.status, 0, good.stderr);
    assert.equal((JSON.parse(good.stdout) as { passed: boolean }).passed, true);
    const empty = join(folder, 'empty');
    mkdirSync(empty);
    assert.equal(cli(empty).status, 1);
    const missing = cli(join(folder, 'missing'));
    assert.equal(missing.status, 2);
    assert.match(missing.stderr, /^3ncore: .*missing: expected a folder of golden cases, got no such folder\.\n$/);
    assert.equal(cli().status, 2);
  });
});
