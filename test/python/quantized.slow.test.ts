import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { wrapLora } from 'gemma-3ncore/adapters/lora';
import { loraConfig } from 'gemma-3ncore/adapters/lora_config';
import { mergeLora } from 'gemma-3ncore/adapters/merge_lora';
import { saveAdapter } from 'gemma-3ncore/adapters/peft_files';
import { saveQuantized } from 'gemma-3ncore/adapters/quantize/bnb_files';
import { quantizedLeaf } from 'gemma-3ncore/adapters/quantize/leaves';
import { readJsonObject, writeJson } from 'gemma-3ncore/files/json';
import { float32Data, openSafetensors, writeSafetensors } from 'gemma-3ncore/files/safetensors';
import { projectPath } from 'gemma-3ncore/host/places';
import * as siglip from 'gemma-3ncore/models/siglip_vision';
import { disposeParams, flattenParams, mapParams, trainableVariables } from 'gemma-3ncore/tree/params';
import { rootKey } from 'gemma-3ncore/tree/random';
import { openTeacher } from 'gemma-3ncore/weights';
import { maxAbsDifference } from '../support/compare.js';
import { useEngine } from '../support/engine.js';
import { useFolder } from '../support/folder.js';
import { pythonOrSkip } from '../support/python.js';

const miniature = projectPath('data-manifests', 'miniatures', 'siglip-geometry');
const script = projectPath('test', 'python', 'check_quantized.py');
type Stored = 'int8' | 'nf4';

/**
 * float32 on both sides, sums in other orders. Merged weights are quantized anew, and bitsandbytes now and then takes the
 * neighbour of the nearest code for a scale; inputs that are rounded to 8 bits may take the next code for what little differs.
 */
const tolerance = { plain: 1e-4, adapted: 1e-4, merged: 1e-3, llm_int8: 2e-2 };

const images = (): tf.Tensor4D => tf.randomUniform([2, 112, 112, 3], -1, 1, 'float32', 5) as tf.Tensor4D;

type Tower = Pick<ReturnType<typeof openTeacher>, 'params' | 'config'>;

function lastHiddenState({ params, config }: Tower): Float32Array {
  return tf.tidy(() => {
    const { last_hidden_state: last } = siglip.forward(params, images(), config, { features: ['last_hidden_state'] });
    return last!.dataSync<'float32'>().slice();
  });
}

/** As PEFT merges over 8 or 4 bits: dequantized, added to, quantized again. */
function merged(adapted: Tower['params'], stored: Stored): Tower['params'] {
  const wrapped = flattenParams(adapted);
  const requantized = mapParams(mergeLora(adapted), (leaf, path) => {
    const from = wrapped.get(path)!;
    const base = from.kind === 'lora' ? from.base : from;
    if (base.kind === 'dense' || leaf.kind !== 'dense') return leaf;
    const packed = quantizedLeaf(path, leaf.value.shape, leaf.value.dataSync<'float32'>(), stored);
    leaf.value.dispose();
    return packed;
  });
  return requantized;
}

/** Writes a quantized tower and an adapter over it, and what they give here. */
async function writeCase(root: string, stored: Stored): Promise<void> {
  const folder = join(root, stored);
  mkdirSync(join(folder, 'base'), { recursive: true });
  mkdirSync(join(folder, 'adapter'));
  const { params: full, config } = openTeacher('siglip-geometry', 0, stored);
  const spec = siglip.spec(config);
  await saveQuantized(join(folder, 'base', 'model.safetensors'), full, spec);
  disposeParams(full);
  const type = stored === 'int8' ? { load_in_8bit: true } : { load_in_4bit: true, bnb_4bit_quant_type: 'nf4' };
  await writeJson(join(folder, 'base', 'config.json'), {
    ...readJsonObject(join(miniature, 'config.json')),
    model_type: 'siglip_vision_model',
    quantization_config: { quant_method: 'bitsandbytes', bnb_4bit_use_double_quant: stored === 'nf4', ...type },
  });
  const found: Record<string, Float32Array> = {};
  if (stored === 'int8') {
    const { params } = openTeacher(join(folder, 'base'), 0, 'llm_int8');
    found['llm_int8'] = lastHiddenState({ params, config });
    disposeParams(params);
  }
  const { params } = openTeacher(join(folder, 'base'), 0);
  found['plain'] = lastHiddenState({ params, config });
  const target_modules = '.*encoder\\.layers\\.\\d+\\.(self_attn\\.(q_proj|v_proj|out_proj)|mlp\\.fc1)';
  const lora = loraConfig({ r: 4, lora_alpha: 8, target_modules } as Parameters<typeof loraConfig>[0]);
  const adapted = wrapLora(params, spec, lora, rootKey(3));
  let seed = 100;
  for (const [name, variable] of trainableVariables(adapted)) {
    if (!name.endsWith('.lora_B')) continue;
    tf.tidy(() => variable.assign(tf.randomNormal(variable.shape, 0, 0.05, 'float32', seed++)));
  }
  await saveAdapter(join(folder, 'adapter'), adapted, spec, lora);
  found['adapted'] = lastHiddenState({ params: adapted, config });
  assert.ok(maxAbsDifference(found['adapted'], found['plain']) > 0.1, 'the adapter changes little');
  const requantized = merged(adapted, stored);
  found['merged'] = lastHiddenState({ params: requantized, config });
  disposeParams([requantized, adapted]);
  const pixels = images();
  const entries = Object.entries(found).map(
    ([name, values]) => [`output.${name}`, float32Data(values, [2, 196, config.hidden_size])] as const,
  );
  const input = ['input.images', float32Data(pixels.dataSync<'float32'>(), pixels.shape)] as const;
  await writeSafetensors(join(folder, 'io.safetensors'), new Map([...entries, input]));
  pixels.dispose();
}

/** Runs the checks in Python; undefined, and the test skipped, where its packages cannot be had. */
async function python(context: TestContext, ...options: string[]): Promise<string | undefined> {
  const interpreter = pythonOrSkip(context);
  return interpreter && (await promisify(execFile)(interpreter, [script, ...options])).stdout;
}

describe('8- and 4-bit weights between here and bitsandbytes', () => {
  useEngine();
  const root = useFolder();

  it('bitsandbytes and PEFT compute what is computed here from the files written here', async (context) => {
    const before = tf.memory().numTensors;
    const ours = join(root, 'ours');
    await writeCase(ours, 'int8');
    await writeCase(ours, 'nf4');
    assert.equal(tf.memory().numTensors, before);
    const printed = await python(context, ours);
    if (printed === undefined) return;
    const found = JSON.parse(printed) as Record<Stored, Record<keyof typeof tolerance, number>>;
    assert.deepEqual(Object.keys(found).sort(), ['int8', 'nf4']);
    for (const [stored, errors] of Object.entries(found)) {
      context.diagnostic(`${stored}: ${JSON.stringify(errors)}`);
      for (const [output, error] of Object.entries(errors) as [keyof typeof tolerance, number][]) {
        assert.ok(error <= tolerance[output], `${stored}, ${output}: ${error} of ${tolerance[output]} allowed`);
      }
    }
  });

  it('what transformers stored in 8 and 4 bits opens here and computes the same', async (context) => {
    const theirs = join(root, 'theirs');
    mkdirSync(theirs);
    const pixels = images();
    const data = float32Data(pixels.dataSync<'float32'>(), pixels.shape);
    await writeSafetensors(join(theirs, 'images.safetensors'), new Map([['images', data]]));
    pixels.dispose();
    if ((await python(context, theirs, '--make', miniature)) === undefined) return;
    for (const name of ['int8', 'nf4', 'nf4 nested']) {
      const source = openSafetensors(join(theirs, name, 'theirs.safetensors'));
      for (const output of source.names() as Iterable<'plain' | 'llm_int8'>) {
        const tower = openTeacher(join(theirs, name), 0, output === 'plain' ? 'fp32' : 'llm_int8');
        const error = maxAbsDifference(lastHiddenState(tower), source.read(output));
        context.diagnostic(`${name}, ${output}: ${error.toExponential(1)}`);
        assert.ok(error <= 5 * tolerance[output], `${name}, ${output}: ${error}`);
        const kinds = new Set([...flattenParams(tower.params).values()].map(({ kind }) => kind));
        assert.deepEqual([...kinds].sort(), ['dense', name === 'int8' ? 'int8' : 'nf4']);
        disposeParams(tower.params);
      }
      source.close();
    }
  });
});
