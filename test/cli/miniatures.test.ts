import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { miniaturesCommand } from 'gemma-3ncore/cli/miniatures';
import { BadInput } from 'gemma-3ncore/host/errors';
import { useFolder } from '../support/folder.js';

const root = useFolder();
const parse = (...parameters: string[]): Promise<unknown> =>
  miniaturesCommand().parseAsync(parameters, { from: 'user' });

describe('cli/miniatures', () => {
  it('refuses bad options', async () => {
    await assert.rejects(
      parse('--only', 'student'),
      new BadInput({ where: '--only', expected: 'teacher or base', got: 'student' }),
    );
    for (const steps of ['0', '-3', '1.5', 'many']) await assert.rejects(parse('--steps', steps), BadInput);
  });

  it('finds before any training that it cannot write', { timeout: 30_000 }, async () => {
    writeFileSync(join(root, 'file'), '');
    await assert.rejects(parse('--out', join(root, 'file', 'below')), BadInput);
  });
});
