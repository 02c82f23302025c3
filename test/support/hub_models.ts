import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openSafetensors, writeSafetensors, type TensorData } from 'gemma-3ncore/files/safetensors';
import { golden, goldenJson } from './goldens.js';

/** The files of a fake repository, by name. */
type Files = Map<string, Buffer>;

function json(value: unknown): Buffer {
  return Buffer.from(`${JSON.stringify(value, null, 1)}\n`);
}

/** The tensors of a golden checkpoint under other names. */
function tensorsOf(path: string, rename: (name: string) => string): Map<string, TensorData> {
  const source = openSafetensors(path);
  const entries = [...source.names()].map((name): [string, TensorData] => [
    rename(name),
    { dtype: source.dtypeOf(name), shape: source.shapeOf(name), data: source.bytes(name) },
  ]);
  source.close();
  return new Map(entries);
}

async function safetensors(folder: string, tensors: ReadonlyMap<string, TensorData>): Promise<Buffer> {
  const path = join(folder, 'written.safetensors');
  await writeSafetensors(path, tensors);
  return readFileSync(path);
}

const language: TensorData = { dtype: 'BF16', shape: [8, 4], data: new Uint8Array(64) };

/** Shards as the hub has them: the tower cut in two, the language model in a third. */
async function sharded(folder: string, tower: ReadonlyMap<string, TensorData>, languageName: string): Promise<Files> {
  const names = [...tower.keys()];
  const half = Math.ceil(names.length / 2);
  const parts = [names.slice(0, half), names.slice(half)].map(
    (part) => new Map(part.map((name) => [name, tower.get(name) as TensorData])),
  );
  parts.push(new Map([[languageName, language]]));
  const files: Files = new Map();
  const weight_map: Record<string, string> = {};
  for (const [i, part] of parts.entries()) {
    const file = `model-0000${i + 1}-of-00003.safetensors`;
    files.set(file, await safetensors(folder, part));
    for (const name of part.keys()) weight_map[name] = file;
  }
  return files.set('model.safetensors.index.json', json({ metadata: {}, weight_map }));
}

const siglipProcessor = {
  ...{ do_normalize: true, do_rescale: true, do_resize: true, resample: 3, rescale_factor: 0.00392156862 },
  ...{ image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5], size: { height: 448, width: 448 } },
};

/** A tiny SigLIP in MedSigLIP's layout: one file, text model beside the tower. */
export async function tinyMedSiglip(folder: string): Promise<Files> {
  const path = golden('siglip', 'p14_56');
  const tensors = tensorsOf(path, (name) => `vision_model.${name.replace(/^vision_model\./, '')}`);
  tensors.set('text_model.embeddings.token_embedding.weight', language);
  return new Map([
    ['config.json', json({ model_type: 'siglip', vision_config: goldenJson('siglip', 'p14_56', 'config.json') })],
    ['preprocessor_config.json', json(siglipProcessor)],
    ['model.safetensors', await safetensors(folder, tensors)],
    ['README.md', Buffer.from('never fetched')],
  ]);
}

/** A tiny Gemma 3 in MedGemma's layout: shards, BF16, no pooling head. */
export async function tinyMedGemma(folder: string): Promise<Files> {
  const path = golden('siglip', 'p16_64_nohead_bf16_sharded');
  const { vision_config: vision, ...own } = goldenJson('siglip', 'p16_64_nohead_bf16_sharded', 'config.json');
  const files = await sharded(
    folder,
    tensorsOf(path, (name) => name),
    'language_model.model.embed_tokens.weight',
  );
  return files.set('config.json', json({ model_type: 'gemma3', vision_config: vision ?? own }));
}

/** A tiny Gemma 3n in the hub's layout: shards, timm's encoder below `model.vision_tower.timm_model`. */
export async function tinyGemma3n(folder: string): Promise<Files> {
  const path = golden('mobilenetv5', 'm1');
  const files = await sharded(
    folder,
    tensorsOf(path, (name) => `model.vision_tower.timm_model.${name}`),
    'model.language_model.embed_tokens.weight',
  );
  const { architecture, ...model_args } = goldenJson('mobilenetv5', 'm1', 'config.json');
  const vision_config = { model_type: 'gemma3n_vision', architecture, model_args };
  return files.set('config.json', json({ model_type: 'gemma3n', vision_config }));
}
