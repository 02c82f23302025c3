import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { before, beforeEach, describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { gatherArtifacts } from 'gemma-3ncore/artifacts';
import { blobPath } from 'gemma-3ncore/files/hub_cache';
import { openSafetensors } from 'gemma-3ncore/files/safetensors';
import { gatherModel, gatherWeights } from 'gemma-3ncore/gather';
import { modelManifests } from 'gemma-3ncore/model_manifests';
import * as mobilenet from 'gemma-3ncore/models/mobilenet_v5';
import { mobilenetV5Config } from 'gemma-3ncore/models/mobilenet_v5_config';
import * as siglip from 'gemma-3ncore/models/siglip_vision';
import { preset } from 'gemma-3ncore/schema/presets';
import { towerConfig, towerFamilies } from 'gemma-3ncore/towers';
import { projectPath } from 'gemma-3ncore/host/places';
import { disposeParams, flattenParams } from 'gemma-3ncore/tree/params';
import { countParameters } from 'gemma-3ncore/tree/spec';
import { locateWeights, openStudentBase, openTeacher, teacherConfig } from 'gemma-3ncore/weights';
import { useEngine } from './support/engine.js';
import { useTemporaryFolder } from './support/folder.js';
import { golden } from './support/goldens.js';
import { tinyGemma3n, tinyMedGemma, tinyMedSiglip } from './support/hub_models.js';
import { commit, FakeHub, sendFile, setEnvironment, sha256, useEnvironment } from './support/hub_server.js';

const medsiglip = 'google/medsiglip-448';
const medgemma = 'google/medgemma-4b-it';
const gemma3n = 'google/gemma-3n-E2B-it';
const token = 'hf_secretSECRETsecret';
const folderFor = useTemporaryFolder();
const shards = (numbers: readonly number[]): string[] => numbers.map((n) => `model-0000${n}-of-00003.safetensors`);

const unset = { HF_ENDPOINT: undefined, HF_HUB_OFFLINE: undefined, HF_TOKEN: undefined };
useEnvironment({ ...unset, HF_HUB_CACHE: undefined, NCORE_CACHE: undefined });

describe('gather', () => {
  useEngine();
  let count = 0;
  let own = '';
  const made = new Map<string, Map<string, Buffer>>();

  before(async () => {
    made.set(medsiglip, await tinyMedSiglip(folderFor('made')));
    made.set(medgemma, await tinyMedGemma(folderFor('made')));
    made.set(gemma3n, await tinyGemma3n(folderFor('made')));
  });

  beforeEach(() => {
    own = folderFor(`ncore${count}`);
    setEnvironment({ ...unset, HF_TOKEN: token, HF_HUB_CACHE: folderFor(`hub${count++}`), NCORE_CACHE: own });
  });

  async function serve(name: string, files = made.get(name)): Promise<FakeHub> {
    const hub = new FakeHub(name, new Map(files));
    setEnvironment({ HF_ENDPOINT: await hub.listen() });
    return hub;
  }

  const gather = (name: string): ReturnType<typeof gatherModel> =>
    gatherModel(name, { acceptTerms: [name], patienceMs: 1 });

  async function sentence(work: Promise<unknown>): Promise<string> {
    const error = await work.then(
      () => assert.fail('done'),
      (thrown: unknown) => thrown as Error,
    );
    assert.equal(error.name, 'BadInput', error.stack);
    assert.ok(!error.message.includes('SECRET'));
    return error.message;
  }

  it('has manifests whose towers are as large as published', () => {
    assert.equal(modelManifests().length, 4);
    for (const manifest of modelManifests()) {
      const config = projectPath('data-manifests', 'configs', `${manifest.expected.config}.json`);
      const spec = towerFamilies[manifest.family].spec(towerConfig(config, manifest), config);
      assert.equal(countParameters(spec), manifest.expected.parameters, manifest.name);
    }
  });

  it('plans with the published configuration before anything is gathered', () => {
    assert.equal(teacherConfig(medsiglip).image_size, 448);
    assert.equal(teacherConfig(medgemma).vision_use_head, false);
    assert.throws(() => locateWeights(medsiglip), /run "3ncore gather google\/medsiglip-448"/);
  });

  it("pads timm's copy of Gemma 3n's encoder as Gemma 3n does, whatever timm's default is", () => {
    const manifest = modelManifests().find(({ name }) => name.startsWith('timm/'))!;
    const path = join(folderFor('timm'), 'config.json');
    writeFileSync(path, JSON.stringify({ architecture: 'mobilenetv5_300m', num_features: 2048 }));
    const config = mobilenetV5Config(towerConfig(path, manifest), path);
    assert.equal(config.pad_type, 'same');
    assert.equal(countParameters(mobilenet.spec(config)), manifest.expected.parameters);
  });

  it('fetches a single file, and its tower computes what the golden says', async () => {
    const hub = await serve(medsiglip);
    const found = await gather(medsiglip);
    assert.deepEqual(hub.downloads.sort(), ['config.json', 'model.safetensors', 'preprocessor_config.json']);
    assert.equal(found.commit, commit);
    assert.deepEqual(found.notes, [
      `its tower has ${found.notes[0]?.match(/\d+/)?.[0]} parameters, the published one 428565440`,
    ]);

    const tensors = tf.memory().numTensors;
    const { params, config } = openTeacher(medsiglip, 0);
    const io = openSafetensors(golden('siglip', 'p14_56', 'io.safetensors'));
    const difference = tf.tidy(() => {
      const [batch = 0, channels = 0, height = 0, width = 0] = io.shapeOf('pixel_values');
      const pixels = tf.tensor(io.read('pixel_values'), [batch, channels, height, width]);
      const images = tf.transpose(pixels, [0, 2, 3, 1]) as tf.Tensor4D;
      const result = siglip.forward(params, images, config, { features: ['last_hidden_state'] })['last_hidden_state']!;
      const expected = tf.tensor(io.read('last_hidden_state'), result.shape);
      return tf.max(tf.abs(tf.sub(result, expected))).dataSync()[0]!;
    });
    io.close();
    // As for the golden itself: fp32 forward passes of values of size 5.
    assert.ok(difference < 1e-4, String(difference));
    disposeParams(params);
    assert.equal(tf.memory().numTensors, tensors);
  });

  for (const [name, open] of [
    [medgemma, openTeacher],
    [gemma3n, openStudentBase],
  ] as const) {
    it(`fetches of ${name} only the shards that hold the vision tower`, async () => {
      const hub = await serve(name);
      const { files, folder } = await gather(name);
      const wanted = ['config.json', ...shards([1, 2]), 'model.safetensors.index.json'];
      assert.deepEqual(hub.downloads.sort(), wanted);
      assert.deepEqual(
        files.map((file) => basename(file)),
        shards([1, 2]),
      );
      assert.ok(!existsSync(join(folder, shards([3])[0]!)));
      const { params } = open(name, 0);
      assert.ok(flattenParams(params).size > 30);
      disposeParams(params);
    });
  }

  it('makes no request for what is in the cache, also offline', async () => {
    await serve(medgemma);
    const first = await gather(medgemma);
    for (const values of [{ HF_ENDPOINT: 'http://127.0.0.1:1' }, { HF_HUB_OFFLINE: '1' }]) {
      setEnvironment(values);
      assert.deepEqual(await gather(medgemma), first);
    }
  });

  it('uses files that another tool of the hub left there', async () => {
    const files = made.get(medgemma)!;
    const snapshot = join(process.env['HF_HUB_CACHE']!, 'models--google--medgemma-4b-it', 'snapshots', 'f'.repeat(40));
    mkdirSync(snapshot, { recursive: true });
    for (const [file, content] of files) writeFileSync(join(snapshot, file), content);
    setEnvironment({ HF_HUB_OFFLINE: '1' });
    assert.equal((await gather(medgemma)).folder, snapshot);
    rmSync(join(snapshot, shards([3])[0]!));
    assert.equal((await gather(medgemma)).folder, snapshot);
    rmSync(join(snapshot, shards([2])[0]!));
    const offline = await sentence(gather(medgemma));
    assert.match(offline, /expected its files in the hub's cache, got not all of them; unset HF_HUB_OFFLINE/);
    assert.throws(() => locateWeights(medgemma), /run "3ncore gather google\/medgemma-4b-it"/);
  });

  it('finds damage in the cache: repaired online, told offline', async () => {
    await serve(medsiglip);
    const { files } = await gather(medsiglip);
    const blob = blobPath(medsiglip, sha256(made.get(medsiglip)!.get('model.safetensors')!));
    const damage = (): void => truncateSync(blob, 5000);
    damage();
    setEnvironment({ HF_HUB_OFFLINE: '1' });
    assert.match(await sentence(gather(medsiglip)), /got damaged content in .*model\.safetensors/);
    setEnvironment({ HF_HUB_OFFLINE: undefined });
    await gather(medsiglip);
    assert.deepEqual(readFileSync(files[0]!), made.get(medsiglip)!.get('model.safetensors'));
  });

  it('asks for terms once, records them, and names their page', async () => {
    const hub = await serve(medsiglip);
    const refused = await sentence(gatherModel(medsiglip));
    assert.match(refused, /expected its terms \(Health AI Developer Foundations Terms of Use\) to be accepted/);
    assert.match(refused, /https:\/\/developers\.google\.com\/health-ai-developer-foundations\/terms/);
    assert.match(refused, /https:\/\/huggingface\.co\/google\/medsiglip-448.*--accept-terms google\/medsiglip-448/);
    assert.equal(hub.requests.length, 0);
    await sentence(gatherModel(medsiglip, { ask: async () => false }));
    const questions: string[] = [];
    const ask = async (question: string): Promise<boolean> => questions.push(question) > 0;
    await gatherModel(medsiglip, { ask });
    await gatherModel(medsiglip, { ask });
    assert.equal(questions.length, 1);
    const recorded = JSON.parse(readFileSync(join(own, 'terms.json'), 'utf8')) as Record<string, { terms_url: string }>;
    assert.deepEqual(Object.keys(recorded), [medsiglip]);
    assert.match(recorded[medsiglip]!.terms_url, /health-ai-developer-foundations/);
    const wrong = await sentence(gatherModel(medsiglip, { acceptTerms: ['google/medsiglip'] }));
    assert.match(wrong, /--accept-terms: expected one of .*google\/medsiglip-448.*, got google\/medsiglip\./);
  });

  it('names the page where access is asked for when the hub refuses', async () => {
    const hub = await serve(medgemma);
    hub.trick = (_request, response, content) => {
      if (content === undefined) return false;
      response.writeHead(403).end();
      return true;
    };
    assert.match(await sentence(gather(medgemma)), /got 403 .* https:\/\/huggingface\.co\/google\/medgemma-4b-it/);
  });

  it('refuses a tower that is not what its configuration says, before anything of it is read', async () => {
    const files = new Map(made.get(medsiglip));
    const config = JSON.parse(files.get('config.json')!.toString()) as { vision_config: { intermediate_size: number } };
    config.vision_config.intermediate_size = 96;
    files.set('config.json', Buffer.from(JSON.stringify(config)));
    await serve(medsiglip, files);
    const told = await sentence(gather(medsiglip));
    assert.match(
      told,
      /entry vision_model\.encoder\.layers\.0\.mlp\.fc1\.weight: expected shape \[96, 48\], got \[88, 48\]/,
    );
    assert.throws(() => openTeacher(medsiglip, 0), /expected shape \[96, 48\]/);
    assert.throws(() => openStudentBase(gemma3n, 0), /run "3ncore gather/);
  });

  it('refuses a repository without weights, and weights in the wrong role', async () => {
    const files = new Map(made.get(medsiglip));
    files.delete('model.safetensors');
    await serve(medsiglip, files);
    assert.match(await sentence(gather(medsiglip)), /expected a file model\.safetensors\.index\.json, got none/);
    await serve(gemma3n);
    await gather(gemma3n);
    assert.throws(() => teacherConfig(gemma3n), /expected a SigLIP vision tower, got a MobileNetV5 encoder/);
  });

  it('gives the artifacts of a run with licence, acceptance, hash and what differs', async () => {
    const experiment = preset('tiny');
    experiment.teacher.weights = medsiglip;
    const files = new Map(made.get(medsiglip));
    const processor = JSON.parse(files.get('preprocessor_config.json')!.toString()) as object;
    files.set('preprocessor_config.json', Buffer.from(JSON.stringify({ ...processor, resample: 2 })));
    const hub = await serve(medsiglip, files);
    await gatherWeights(experiment, { acceptTerms: [medsiglip], patienceMs: 1 });
    const [teacher] = gatherArtifacts(experiment);
    assert.equal(teacher?.status, 'present');
    assert.equal(teacher.accepted, true);
    assert.equal(teacher.licence, 'Health AI Developer Foundations Terms of Use');
    assert.match(teacher.terms_url ?? '', /health-ai-developer-foundations/);
    assert.equal(teacher.sha256, sha256(files.get('model.safetensors')!));
    assert.match(teacher.note ?? '', /^commit 0123456789.*has resample "bilinear", the manifest "bicubic"$/);
    rmSync(join(own, 'terms.json'));
    const blob = blobPath(medsiglip, teacher.sha256);
    const damaged = Buffer.from(readFileSync(blob));
    damaged[damaged.length - 1]! ^= 1;
    rmSync(blob);
    writeFileSync(blob, damaged);
    const [later] = gatherArtifacts(experiment);
    assert.equal(later?.status, 'mismatch');
    assert.equal(later.accepted, false);
    assert.ok(hub.requests.every(({ authorization }) => authorization === `Bearer ${token}`));
    for (const text of [JSON.stringify([teacher, later]), JSON.stringify(experiment)])
      assert.ok(!text.includes('SECRET'));
  });

  it('goes on with a shard where an earlier download broke off', async () => {
    const hub = await serve(medgemma);
    let broken = false;
    hub.trick = (request, response, content) => {
      if (broken || content === undefined || !request.path.endsWith('00002-of-00003.safetensors')) return false;
      broken = true;
      sendFile(response, content.subarray(0, 1000), request.range);
      return true;
    };
    await gather(medgemma);
    assert.deepEqual(
      hub.requests.map(({ range }) => range).filter((range) => range !== undefined),
      ['bytes=1000-'],
    );
  });
});
