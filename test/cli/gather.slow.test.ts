import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { readReport } from 'gemma-3ncore/report/report';
import { preset } from 'gemma-3ncore/schema/presets';
import { cli, told, type CliOptions } from '../support/cli.js';
import { useTemporaryFolder } from '../support/folder.js';
import { tinyGemma3n, tinyMedSiglip } from '../support/hub_models.js';
import { FakeHub } from '../support/hub_server.js';
import { adapterOf, filesIn } from '../support/run.js';

const medsiglip = 'google/medsiglip-448';
const gemma3n = 'google/gemma-3n-E2B-it';
const token = 'hf_secretSECRETsecret';
const folderFor = useTemporaryFolder();
const root = folderFor('root');
const env = { HF_TOKEN: token, HF_HUB_CACHE: folderFor('hub'), NCORE_CACHE: folderFor('cache'), HF_HUB_OFFLINE: '' };

describe('3ncore gather, and a run on what it gathers', () => {
  let teacher: FakeHub;
  let student: FakeHub;
  const config = join(root, 'e.json');
  const at = (hub: FakeHub): CliOptions => ({ env: { ...env, HF_ENDPOINT: hub.address } });

  before(async () => {
    teacher = new FakeHub(medsiglip, await tinyMedSiglip(root));
    student = new FakeHub(gemma3n, await tinyGemma3n(root));
    await teacher.listen();
    await student.listen();
    const tiny = preset('tiny');
    tiny.teacher.weights = medsiglip;
    tiny.student.weights = gemma3n;
    writeFileSync(config, JSON.stringify(tiny));
  });

  it('refuses without acceptance and access, one sentence that names the page, exit 2', async () => {
    const refused = await cli(['gather', medsiglip], at(teacher));
    assert.equal(refused.code, 2);
    assert.match(
      told(refused).join('\n'),
      /read https:\/\/developers\.google\.com.*--accept-terms google\/medsiglip-448\.$/,
    );
    assert.equal(teacher.requests.length, 0);

    teacher.trick = (_request, response) => {
      response.writeHead(401).end();
      return true;
    };
    const unauthorized = await cli(['gather', medsiglip, '--accept-terms', medsiglip], at(teacher));
    teacher.trick = () => false;
    assert.equal(unauthorized.code, 2);
    assert.match(told(unauthorized).join('\n'), /got 401 .*https:\/\/huggingface\.co\/google\/medsiglip-448/);
    assert.ok(!`${unauthorized.stdout}${unauthorized.stderr}`.includes('SECRET'));

    const unknown = await cli(['gather', 'google/medsiglip'], at(teacher));
    assert.equal(unknown.code, 2);
    assert.match(told(unknown).join('\n'), /expected one of .*google\/medsiglip-448/);
  });

  it('gathers by name and says where, as text and as one JSON document', async () => {
    // The terms were accepted before access was refused.
    const text = await cli(['gather', medsiglip], at(teacher));
    assert.equal(text.code, 0, text.stderr);
    assert.match(text.stdout, /^google\/medsiglip-448: 1 file of weights, \d+ MB, in .*snapshots/);
    const { stdout, code } = await cli(['gather', medsiglip, '--json'], { env: { ...env, HF_HUB_OFFLINE: '1' } });
    assert.equal(code, 0);
    const [found] = JSON.parse(stdout) as { name: string; files: string[] }[];
    assert.equal(found?.name, medsiglip);
    assert.equal(found.files.length, 1);
  });

  it('trains on it, records the terms in the run, passes them on with the adapter, and keeps the token to itself', async () => {
    const out = join(root, 'run');
    const refused = await cli(['train', '--config', config, '--out', out], at(student));
    assert.equal(refused.code, 2);
    assert.match(told(refused).join('\n'), /google\/gemma-3n-E2B-it: expected its terms/);
    const run = await cli(['train', '--config', config, '--out', out, '--accept-terms', gemma3n], at(student));
    assert.equal(run.code, 0, run.stderr);

    const { artifacts } = readReport(out, 'reservoir').body;
    const models = artifacts.filter(({ kind }) => kind === 'model');
    assert.deepEqual(
      models.map(({ name, status, accepted, licence, terms_url }) => ({ name, status, accepted, licence, terms_url })),
      [
        {
          ...{ name: medsiglip, status: 'present', accepted: true },
          licence: 'Health AI Developer Foundations Terms of Use',
          terms_url: 'https://developers.google.com/health-ai-developer-foundations/terms',
        },
        {
          ...{ name: gemma3n, status: 'present', accepted: true },
          ...{ licence: 'Gemma Terms of Use', terms_url: 'https://ai.google.dev/gemma/terms' },
        },
      ],
    );
    for (const file of ['NOTICE', 'README.md']) {
      const text = readFileSync(join(adapterOf(out, 'distilled'), file), 'utf8');
      assert.match(
        text,
        /HAI-DEF is provided under and subject to the Health AI Developer Foundations Terms of Use found/,
      );
      assert.match(text, /Gemma is provided under and subject to the Gemma Terms of Use found at ai\.google\.dev/);
    }
    assert.match(
      readFileSync(join(adapterOf(out, 'distilled'), 'NOTICE'), 'utf8'),
      /^This adapter is a modified derivative/,
    );

    for (const folder of [out, env.HF_HUB_CACHE, env.NCORE_CACHE]) {
      const telling = filesIn(folder).filter((file) => readFileSync(join(folder, file)).includes('SECRET'));
      assert.deepEqual(telling, []);
    }
    assert.ok(!`${run.stdout}${run.stderr}`.includes('SECRET'));
  });
});
