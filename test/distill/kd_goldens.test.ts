import assert from 'node:assert/strict';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { verify } from 'gemma-3ncore/verify';
import { useEngine } from '../support/engine.js';
import { useFolder } from '../support/folder.js';
import { golden } from '../support/goldens.js';

const folder = useFolder();

interface KdJson {
  spec: { lr: number; steps: number };
  log: { micro: { task: number }[] }[];
}

/** A copy of kd2_clip beside its bases, its kd.json changed. */
function changed(name: string, change: (json: KdJson) => void): string {
  const root = join(folder, name);
  for (const base of ['siglip/p14_56', 'mobilenetv5/m1']) cpSync(golden(base), join(root, base), { recursive: true });
  const copy = join(root, 'kd', 'changed');
  cpSync(golden('kd', 'kd2_clip'), copy, { recursive: true });
  const file = join(copy, 'kd.json');
  const json = JSON.parse(readFileSync(file, 'utf8')) as KdJson;
  change(json);
  writeFileSync(file, JSON.stringify(json));
  return copy;
}

describe('distillation on the KD goldens', () => {
  useEngine();

  it('has the gradients of step 0, the losses of every step and the final weights of PyTorch', async () => {
    const before = tf.memory().numTensors;
    const { cases, passed } = await verify([golden('kd')]);
    assert.deepEqual(
      cases.filter((c) => !c.passed),
      [],
    );
    assert.ok(passed);
    assert.equal(tf.memory().numTensors, before);
    assert.deepEqual(
      cases.map(({ name }) => name),
      ['kd1', 'kd2_clip', 'kd3_curriculum'].flatMap((name) =>
        ['step0.safetensors', 'kd.json', 'final_trainable.safetensors'].map((file) => `kd/${name}/${file}`),
      ),
    );
    // kd1: 74 trained parameters; per step the weights, three losses of each micro-batch, their mean, the norm.
    assert.deepEqual(
      cases.slice(0, 3).map(({ tensors }) => tensors),
      [74, 60, 74],
    );
  });

  it('fails a loss that differs and trained weights of another rate, and says where', async () => {
    const loss = await verify([changed('loss', ({ log }) => (log[3]!.micro[1]!.task += 0.001))]);
    assert.deepEqual(
      loss.cases.map((c) => [c.passed, c.where.replace(/ \[.*/, '')]).filter(([ok]) => ok === false),
      [[false, 'step 3, task']],
    );
    const rate = await verify([changed('rate', ({ spec }) => (spec.lr *= 1.2))]);
    assert.deepEqual(
      rate.cases.map((c) => c.passed),
      [true, false, false],
    );
  });

  it('fails a case whose file is damaged or whose bases are not beside it', async () => {
    const short = await verify([changed('short', ({ log }) => log.pop())]);
    assert.match(short.cases[0]!.where, /kd\.json, field log: expected 10 steps, got 9/);
    const alone = join(folder, 'alone');
    cpSync(golden('kd', 'kd1'), alone, { recursive: true });
    const { cases } = await verify([alone]);
    assert.equal(cases[0]!.passed, false);
    assert.match(cases[0]!.where, /expected mobilenetv5\/m1 in a folder above it/);
  });

  it('keeps no tensor of a case whose loading or replay fails, whichever file is damaged', async () => {
    const files = [
      ...['adapter_init/adapter_model.safetensors', 'init_projector_head.safetensors', 'batches.safetensors'],
      ...['step0.safetensors', 'final_trainable.safetensors'],
    ];
    const before = tf.memory().numTensors;
    for (const file of files) {
      const copy = changed(file.replaceAll('/', '-'), () => undefined);
      const path = join(copy, file);
      writeFileSync(path, readFileSync(path).subarray(0, -64));
      const { passed, cases } = await verify([copy]);
      assert.ok(!passed && cases.some(({ where }) => where.includes(file)), file);
      assert.equal(tf.memory().numTensors, before, file);
    }
    // Its names are changed to ones of the same length: the header is sound, entries are missing.
    for (const [file, entry] of [
      ['init_projector_head.safetensors', 'head.2.weight'],
      ['init_projector_head.safetensors', 'projector.bias'],
      ['batches.safetensors', 'es_teacher.1'],
      ['batches.safetensors', 'es_student.1'],
    ] as const) {
      const copy = changed(`missing-${entry}`, () => undefined);
      const path = join(copy, file);
      const renamed = readFileSync(path, 'latin1').replace(`"${entry}"`, `"${'x'.repeat(entry.length)}"`);
      writeFileSync(path, renamed, 'latin1');
      const { passed } = await verify([copy]);
      assert.ok(!passed, entry);
      assert.equal(tf.memory().numTensors, before, entry);
    }
  });
});
