import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { datasetNames } from 'gemma-3ncore/data/dataset';
import { datasetManifest } from 'gemma-3ncore/dataset_manifests';
import { readJsonObject } from 'gemma-3ncore/files/json';
import { projectPath } from 'gemma-3ncore/host/places';

describe('data-manifests/datasets', () => {
  it('gives every data set its licence, and the terms of those that have a provider', () => {
    assert.match(datasetManifest('echonet-dynamic').licence, /^Stanford .* no redistribution/);
    assert.match(datasetManifest('camus').licence, /^CC BY-NC-SA 4\.0 .* non-commercial/);
    const { licence, terms_url } = datasetManifest('phantom');
    assert.deepEqual([licence, terms_url], ['https://www.apache.org/licenses/LICENSE-2.0', null]);
    for (const name of ['echonet-dynamic', 'camus']) assert.match(datasetManifest(name).terms_url ?? '', /^https:/);
  });

  it('says of every data set how it is to be cited, what it is made of, and what is known of people in it', () => {
    for (const name of datasetNames) {
      const manifest = readJsonObject(projectPath('data-manifests', 'datasets', `${name}.json`));
      for (const key of ['name', 'description', 'url', 'citeAs', 'creator', 'datePublished'])
        assert.ok(manifest[key], key);
      for (const key of ['dataCollection', 'dataBiases', 'dataLimitations', 'personalSensitiveInformation']) {
        assert.ok(manifest[`rai:${key}`], `${name}, ${key}`);
      }
      assert.equal(manifest['name'], name);
      assert.ok(manifest['distribution'] && manifest['recordSet']);
    }
  });
});
