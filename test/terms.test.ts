import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, it } from 'node:test';
import { acceptanceOf, acceptNamedTerms, isAccepted, providedDataset, showDataTerms } from 'gemma-3ncore/terms';
import { useTemporaryFolder } from './support/folder.js';
import { setEnvironment, useEnvironment } from './support/hub_server.js';

const folderFor = useTemporaryFolder();
useEnvironment({ NCORE_CACHE: undefined });

describe('terms of data sets', () => {
  const echonet = providedDataset('echonet-dynamic')!;
  let count = 0;
  let cache = '';

  beforeEach(() => {
    cache = folderFor(`cache${count++}`);
    setEnvironment({ NCORE_CACHE: cache });
  });

  it('are shown where nobody can be asked, which is recorded and is no acceptance', async () => {
    await showDataTerms('echonet-dynamic');
    const recorded = JSON.parse(readFileSync(join(cache, 'terms.json'), 'utf8')) as Record<string, object>;
    const { how, time } = acceptanceOf(echonet)!;
    const { terms_url, version } = echonet;
    assert.deepEqual(recorded, { 'echonet-dynamic': { terms_url, version, accepted: time, how } });
    assert.equal(how, 'shown');
    // Once in a process: a second time says and records nothing.
    await showDataTerms('echonet-dynamic');
    assert.equal(acceptanceOf(echonet)?.time, time);
    assert.ok(Math.abs(Date.now() - Date.parse(time)) < 60_000);
    assert.equal(isAccepted(echonet), false);
  });

  it('are asked for once, and a no is refused in one sentence', async () => {
    const questions: string[] = [];
    let answer = false;
    const ask = async (question: string): Promise<boolean> => questions.push(question) > 0 && answer;
    await assert.rejects(
      showDataTerms('camus', { ask }),
      /^BadInput: camus: expected its terms to be accepted, got a no; read https:.* then give --accept-terms camus\.$/,
    );
    answer = true;
    await showDataTerms('camus', { ask });
    await showDataTerms('camus', { ask });
    await showDataTerms('camus');
    assert.equal(questions.length, 2);
    assert.match(questions[0]!, /^camus is provided under the CC BY-NC-SA 4\.0 .*: https:\/\/www\.creatis/);
    assert.equal(acceptanceOf(providedDataset('camus')!)?.how, 'answer');
  });

  it('are accepted by option, over having been shown, and again when they have changed', async () => {
    await showDataTerms('echonet-dynamic');
    await acceptNamedTerms({ acceptTerms: ['echonet-dynamic'] });
    assert.equal(acceptanceOf(echonet)?.how, 'option');
    assert.equal(isAccepted({ ...echonet, terms_url: 'https://elsewhere.example' }), false);
    assert.equal(isAccepted({ ...echonet, version: '2.0.0' }), false);
  });

  it('are not needed for phantoms, and an unknown name is refused', async () => {
    await showDataTerms('phantom', { ask: () => assert.fail('asked') });
    for (const name of ['phantom', 'echonet']) {
      await assert.rejects(
        acceptNamedTerms({ acceptTerms: [name] }),
        /--accept-terms: expected one of .*echonet-dynamic, camus/,
      );
    }
  });
});
