import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { writeSafetensors, type StreamedTensor } from 'gemma-3ncore/files/safetensors';
import * as siglip from 'gemma-3ncore/models/siglip_vision';
import { fold, Random, rootKey } from 'gemma-3ncore/tree/random';
import { countParameters, flattenSpec, sizeOf } from 'gemma-3ncore/tree/spec';
import { teacherConfig } from 'gemma-3ncore/weights';
import { useFolder } from '../support/folder.js';
import { measureApart } from '../support/full_size_process.js';

const folder = useFolder();
const spec = siglip.spec(teacherConfig('random:siglip-so400m-14-448'));
const valueBytes = { BF16: 2, F32: 4 } as const;

/** Random bytes that are values of both types between 2⁻⁷ and 2⁻⁵ in size: 64 KB of them again and again. */
function randomBytes(random: Random, dtype: keyof typeof valueBytes, values: number): Uint8Array {
  const size = valueBytes[dtype];
  const bytes = new Uint8Array(values * size);
  const block = Math.min(bytes.length, 65536);
  for (let at = 0; at < block; at += size) {
    for (let i = 0; i < size - 1; i++) bytes[at + i] = random.integer(256);
    bytes[at + size - 1] = 0x3c + 0x80 * random.integer(2);
  }
  for (let filled = block; filled < bytes.length; filled *= 2) bytes.copyWithin(filled, 0, filled);
  return bytes;
}

/** A checkpoint of so400m/14 in MedSigLIP's layout, written one tensor at a time. */
async function writeTower(name: string, dtype: keyof typeof valueBytes): Promise<string> {
  const tensors = new Map<string, StreamedTensor>();
  for (const [path, { shape }] of flattenSpec(spec)) {
    const make = (): Uint8Array => randomBytes(new Random(fold(rootKey(1), path)), dtype, sizeOf(shape));
    tensors.set(`vision_model.${path}`, { dtype, shape, make });
  }
  const path = join(folder, name);
  await writeSafetensors(path, tensors);
  return path;
}

describe('models at full size', () => {
  for (const dtype of ['BF16', 'F32'] as const) {
    it(`loads the 428 M parameters of so400m/14 from ${dtype} within 1.2 times their size`, async (t) => {
      const path = await writeTower(`${dtype}.safetensors`, dtype);
      const { idleMB, peakMB, weightsMB } = await measureApart('so400m-load', path, 0);
      rmSync(path);
      assert.equal(Math.round(weightsMB * 1e6), 4 * countParameters(spec));
      const ratio = (peakMB - idleMB) / weightsMB;
      t.diagnostic(`peak ${ratio.toFixed(3)} times the weights`);
      assert.ok(ratio <= 1.2, `${peakMB} − ${idleMB} MB are ${ratio} times ${weightsMB} MB`);
      // Less would mean that the weights were not all there.
      assert.ok(ratio >= 0.99, `${ratio}`);
    });
  }

  it('runs so400m/14 forward at 448 px', async (t) => {
    const { peakMB, runMs, finite } = await measureApart('so400m-forward', '448', 1);
    t.diagnostic(`${Math.round(runMs[0] as number)} ms, peak ${Math.round(peakMB)} MB`);
    assert.ok(finite);
    assert.ok(peakMB < 3000, `peak of ${peakMB} MB`);
  });

  it('runs a training step of MobileNetV5-300M with LoRA at 256 px', async (t) => {
    const { peakMB, runMs, finite } = await measureApart('300m-step', '256', 1);
    t.diagnostic(`${Math.round(runMs[0] as number)} ms, peak ${Math.round(peakMB)} MB`);
    assert.ok(finite);
    assert.ok(peakMB < 4000, `peak of ${peakMB} MB`);
  });
});
