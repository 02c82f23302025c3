import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { mergeLora, unmergeLora } from 'gemma-3ncore/adapters/merge_lora';
import { paramEntries } from 'gemma-3ncore/adapters/param_files';
import { loadAdapter, saveAdapter } from 'gemma-3ncore/adapters/peft_files';
import { openSafetensors, type OpenTensorSource } from 'gemma-3ncore/files/safetensors';
import { loadCheckpoint } from 'gemma-3ncore/models/checkpoint';
import * as mobilenet from 'gemma-3ncore/models/mobilenet_v5';
import { mobilenetV5Config } from 'gemma-3ncore/models/mobilenet_v5_config';
import * as siglip from 'gemma-3ncore/models/siglip_vision';
import { siglipVisionConfig } from 'gemma-3ncore/models/siglip_vision_config';
import { toFile } from 'gemma-3ncore/tree/layout';
import { disposeParams, flattenParams } from 'gemma-3ncore/tree/params';
import { flattenSpec, type Params, type Spec } from 'gemma-3ncore/tree/spec';
import { assertClose } from '../support/compare.js';
import { useEngine } from '../support/engine.js';
import { useFolder } from '../support/folder.js';
import { golden, goldenJson } from '../support/goldens.js';

/** A base model of the goldens: its parameters and its outputs by the goldens' names, feature maps NCHW. */
interface Base<P extends Params> {
  readonly spec: Spec;
  readonly params: P;
  readonly inputFile: string;
  outputs(params: P, input: tf.Tensor4D): Record<string, tf.Tensor>;
}

function siglipBase(): Base<siglip.SiglipVisionParams> {
  const config = siglipVisionConfig(goldenJson('siglip', 'p14_56', 'config.json'));
  const spec = siglip.spec(config);
  return {
    spec,
    params: loadCheckpoint(spec, golden('siglip', 'p14_56'), siglip.siglipAnchor),
    inputFile: golden('lora', 'siglip_lora', 'io.safetensors'),
    outputs: (params, input) =>
      siglip.forward(params, input, config, { features: ['last_hidden_state', 'pooler_output'] }),
  };
}

function mobilenetBase(): Base<mobilenet.MobileNetV5Params> {
  const json = goldenJson('mobilenetv5', 'm1', 'config.json');
  const config = mobilenetV5Config({ ...json, msfa_output_resolution: 4 });
  const spec = mobilenet.spec(config);
  return {
    spec,
    params: loadCheckpoint(spec, golden('mobilenetv5', 'm1'), mobilenet.mobilenetV5Anchor),
    inputFile: golden('lora', 'mnv5_lora', 'io.safetensors'),
    outputs(params, input) {
      const { output } = mobilenet.forward(params, input, config, { features: ['output'] });
      return { output: tf.transpose(output!, [0, 3, 1, 2]) };
    },
  };
}

function withFile<T>(path: string, work: (file: OpenTensorSource) => T): T {
  const file = openSafetensors(path);
  try {
    return work(file);
  } finally {
    file.close();
  }
}

function readInput(path: string): tf.Tensor4D {
  return withFile(path, (file) =>
    tf.tidy(() =>
      tf.transpose(
        tf.tensor4d(file.read('input'), file.shapeOf('input') as [number, number, number, number]),
        [0, 2, 3, 1],
      ),
    ),
  );
}

/** Compares outputs with `<kind>.<name>` of a golden; forwards are good to 1e-4 · max(1, max |expected|). */
function assertOutputs(folder: string, kind: string, outputs: Record<string, tf.Tensor>): void {
  withFile(golden('lora', folder, 'io.safetensors'), (file) => {
    const names = [...file.names()].filter((name) => name.startsWith(`${kind}.`));
    assert.ok(names.length > 0);
    for (const name of names) {
      assertClose(outputs[name.slice(kind.length + 1)]!.dataSync(), file.read(name), 1e-4, `${folder} ${name}`);
    }
  });
}

/** Adapted and merged outputs, merged weights, and the adapter written again. */
async function replay<P extends Params>(folder: string, base: Base<P>, again: string): Promise<void> {
  const before = tf.memory().numTensors;
  const input = readInput(base.inputFile);
  const { params, config } = loadAdapter(golden('lora', folder), base.params, base.spec);
  tf.tidy(() => assertOutputs(folder, 'adapted', base.outputs(params, input)));
  const merged = mergeLora(params);
  tf.tidy(() => assertOutputs(folder, 'merged', base.outputs(merged, input)));
  const entries = paramEntries(merged, base.spec);
  withFile(golden('lora', folder, 'merged.safetensors'), (file) => {
    for (const name of file.names()) {
      const entry = entries.get(name.replace('vision_model.', ''))!;
      assert.deepEqual(entry.shape, file.shapeOf(name));
      // One product and one sum a weight.
      assertClose(new Float32Array(entry.data.buffer), file.read(name), 1e-6, name);
    }
  });
  await saveAdapter(again, params, base.spec, config);
  withFile(golden('lora', folder, 'adapter_model.safetensors'), (file) =>
    withFile(`${again}/adapter_model.safetensors`, (written) => {
      const withoutPrefix = (name: string): string => name.replace('vision_model.', '');
      assert.deepEqual([...written.names()].sort(), [...file.names()].map(withoutPrefix).sort());
      for (const name of file.names()) {
        assert.deepEqual(written.shapeOf(withoutPrefix(name)), file.shapeOf(name));
        assert.deepEqual(written.bytes(withoutPrefix(name)), file.bytes(name));
      }
    }),
  );
  const unmerged = unmergeLora(merged, params);
  const plain = paramEntries(unmerged, base.spec);
  disposeParams(unmerged);
  for (const [path, leaf] of flattenParams(params)) {
    if (leaf.kind !== 'lora') continue;
    const { data } = plain.get(path)!;
    const { layout } = flattenSpec(base.spec).get(path)!;
    // Added and taken away again, with DoRA also multiplied and divided: a few roundings of a weight.
    assert.ok(leaf.base.kind === 'dense');
    assertClose(new Float32Array(data.buffer), toFile(leaf.base.value, layout), 2e-6, path);
  }
  input.dispose();
  disposeParams(merged);
  disposeParams(params);
  assert.equal(tf.memory().numTensors, before - [...entries].length);
}

describe('adapters/peft_files on PEFT’s own adapters', () => {
  useEngine();
  const again = useFolder();

  for (const folder of ['siglip_lora', 'siglip_rslora_v4keys', 'siglip_mlp_rank_pattern', 'siglip_dora']) {
    it(`${folder}: adapted, merged and written again`, () => replay(folder, siglipBase(), again));
  }
  for (const folder of ['mnv5_lora', 'mnv5_conv3x3_lora', 'mnv5_dora']) {
    it(`${folder}: adapted, merged and written again`, () => replay(folder, mobilenetBase(), again));
  }

  it('refuses an adapter of another model by the name of an entry', () => {
    const { params, spec } = mobilenetBase();
    assert.throws(
      () => loadAdapter(golden('lora', 'siglip_lora'), params, spec),
      /entry base_model\.model\.encoder\.layers\.0\.self_attn\.k_proj\.lora_A\.weight: expected only what/,
    );
    disposeParams(params);
  });
});
