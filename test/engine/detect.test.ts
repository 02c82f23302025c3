import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { detectEngines } from 'gemma-3ncore/engine/detect';
import type { EngineRoute, HostDescription } from 'gemma-3ncore/engine/detect';

const laptop: HostDescription = {
  platform: 'linux',
  arch: 'x64',
  node: '20.19.0',
  python: '3.11.2',
  compiler: 'g++',
  tensorflow: undefined,
  gpu: undefined,
};

function best(host: HostDescription): EngineRoute | undefined {
  return detectEngines(host).find((choice) => choice.possible)?.route;
}

function reasonAgainst(host: HostDescription, route: EngineRoute): string {
  const choice = detectEngines(host).find((one) => one.route === route);
  assert.equal(choice?.possible, false, `${route} should not be possible`);
  return choice.reason;
}

describe('the choice of an engine', () => {
  test('keeps the order of preference whatever is possible', () => {
    const routes = detectEngines(laptop).map(({ route }) => route);
    assert.deepEqual(routes, ['tensorflow-gpu', 'tensorflow-cpu', 'prebuilt', 'wasm', 'cpu']);
  });

  test('takes the GPU of a host that has one, with its own or with a downloaded TensorFlow', () => {
    const colab = { ...laptop, gpu: 'Tesla T4', tensorflow: { version: '2.19.0', cuda: true } };
    assert.equal(best(colab), 'tensorflow-gpu');
    assert.match(detectEngines(colab)[0]?.reason ?? '', /Tesla T4 with the installed TensorFlow 2\.19\.0/);
    assert.equal(best({ ...laptop, gpu: 'Tesla T4' }), 'tensorflow-gpu');
  });

  test('leaves the GPU where the installed TensorFlow cannot use it', () => {
    const host = { ...laptop, gpu: 'Tesla T4', tensorflow: { version: '2.21.0', cuda: false } };
    assert.equal(best(host), 'tensorflow-cpu');
    assert.match(reasonAgainst(host, 'tensorflow-gpu'), /without CUDA/);
  });

  test('compiles without a GPU, and says that none was found', () => {
    assert.equal(best(laptop), 'tensorflow-cpu');
    assert.match(reasonAgainst(laptop, 'tensorflow-gpu'), /no NVIDIA GPU/);
  });

  test('lets Python bring a compiler', () => {
    const host = { ...laptop, compiler: undefined };
    assert.equal(best(host), 'tensorflow-cpu');
    assert.match(detectEngines(host)[1]?.reason ?? '', /ziglang/);
  });

  test('without Python needs an installed TensorFlow, else falls to the prebuilt addon', () => {
    const host = { ...laptop, python: undefined };
    assert.equal(best(host), 'prebuilt');
    assert.match(reasonAgainst(host, 'tensorflow-cpu'), /no Python to download/);
    assert.equal(best({ ...host, tensorflow: { version: '2.21.0', cuda: undefined } }), 'tensorflow-cpu');
  });

  test('without Python and without a compiler says that both are missing', () => {
    const host = { ...laptop, python: undefined, compiler: undefined };
    assert.match(reasonAgainst(host, 'tensorflow-cpu'), /neither a C\+\+ compiler nor a Python/);
  });

  test('on Linux arm64 compiles for the processor; its GPU needs an installed TensorFlow', () => {
    const host = { ...laptop, arch: 'arm64', gpu: 'GH200' };
    assert.equal(best(host), 'tensorflow-cpu');
    assert.match(reasonAgainst(host, 'tensorflow-gpu'), /no TensorFlow with CUDA for arm64/);
  });

  test('on macOS compiles on Apple silicon and takes the prebuilt addon on Intel', () => {
    assert.equal(best({ ...laptop, platform: 'darwin', arch: 'arm64', compiler: 'clang++' }), 'tensorflow-cpu');
    assert.equal(best({ ...laptop, platform: 'darwin', arch: 'x64', compiler: 'clang++' }), 'prebuilt');
  });

  test('where nothing native can be had, WebAssembly computes', () => {
    assert.equal(best({ ...laptop, platform: 'freebsd' }), 'wasm');
  });

  test('a Node.js that is too old leaves nothing', () => {
    const choices = detectEngines({ ...laptop, node: '18.20.4' });
    assert.ok(choices.every(({ possible, reason }) => !possible && reason === 'Node.js 18.20.4 is older than 20.19.0'));
    assert.equal(best({ ...laptop, node: '20.9.0' }), undefined);
    assert.equal(best({ ...laptop, node: '24.1.0' }), 'tensorflow-cpu');
  });
});
