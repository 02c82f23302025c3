import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseGpus, parseInstructions } from 'gemma-3ncore/engine/hardware';

test('GPUs are read from what nvidia-smi prints (memory in MiB)', () => {
  const gpus = parseGpus('Tesla T4, 15360, 550.54.15\nNVIDIA L4, 23034, 550.54.15\n');
  assert.deepEqual(gpus[0], { name: 'Tesla T4', memoryMB: 15360 * 1.048576, driver: '550.54.15' });
  assert.equal(gpus.length, 2);
  assert.deepEqual(parseGpus(''), []);
});

test('vector instructions are read from /proc/cpuinfo of x86 and of ARM', () => {
  assert.deepEqual(parseInstructions('model name\t: X\nflags\t\t: fpu sse4_2 avx avx2 fma\n'), [
    'sse4_2',
    'avx',
    'avx2',
    'fma',
  ]);
  assert.deepEqual(parseInstructions('Features\t: fp asimd sve crc32\n'), ['asimd', 'sve']);
  assert.deepEqual(parseInstructions(''), []);
});
