import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { makeClone } from '../support/clone.js';
import type { Clone, SetupRun } from '../support/clone.js';

/** Exit code 2, one sentence without a stack. */
function assertOneSentence({ code, text }: SetupRun, sentence: RegExp): void {
  assert.equal(code, 2, text);
  const told = text
    .split('\n')
    .filter((line) => line.startsWith('set-up: ') && !line.endsWith('…'))
    .join('\n');
  assert.match(told, sentence);
  assert.equal(told.split('\n').length, 1, text);
  assert.doesNotMatch(text, /\n\s+at /);
}

describe('set-up where something is missing', () => {
  let clone: Clone;
  before(async () => {
    clone = await makeClone({ packages: false });
  });
  after(() => clone.remove());

  test('Python', async () => {
    const run = await clone.setUp(['--only', 'python'], { NCORE_PYTHON: clone.path('none') });
    assertOneSentence(run, /no Python >= 3\.10 with venv was found; install one .*NCORE_PYTHON\.$/);
  });

  test('the TensorFlow that NCORE_TENSORFLOW names', async () => {
    const run = await clone.setUp(['--only', 'engine'], { NCORE_TENSORFLOW: clone.path('none') });
    assertOneSentence(run, /NCORE_TENSORFLOW names .*none, which lacks libtensorflow_cc/);
  });

  test('a step or an option of that name', async () => {
    assertOneSentence(await clone.setUp(['--only', 'enigne']), /"enigne" is not a step of set-up; usage: .*engine/);
    assertOneSentence(await clone.setUp(['--fast']), /--fast is not an option; usage: /);
  });

  test('the network, for the packages', async () => {
    const run = await clone.setUp(['--only', 'packages'], {
      npm_config_registry: 'http://127.0.0.1:9/',
      npm_config_fetch_retries: '0',
      npm_config_cache: clone.path('empty-cache'),
    });
    assertOneSentence(run, /npm could not install the packages \(.*ECONNREFUSED.*\); check the network/);
  });
});
