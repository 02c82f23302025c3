import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { cli } from '../support/cli.js';
import { useFolder } from '../support/folder.js';
import { golden } from '../support/goldens.js';

const folder = useFolder();
const whole = golden('gemma3n', 'multimodal_bf16');

/** The path of a file with the given slice. */
function sliceFile(name: string, content: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

describe('cli/slice', () => {
  it('writes a slice by a file, and says what is nested', async () => {
    const config = sliceFile('slice.json', { layers: [0, 1, 3], intermediate_size: [64, 48, 16] });
    const out = join(folder, 'out');
    const text = await cli(['slice', whole, '--out', out, '--config', config]);
    assert.equal(text.code, 0, text.stderr);
    assert.match(text.stdout, /out: 3 layers, 0\.\d million of 0\.4 million parameters, 1 file of 1 MB\n/);
    assert.match(
      text.stdout,
      /feed-forward networks alone are nested: vision encoder.* an adapter for its vision encoder fits both/,
    );
    const json = await cli([
      'slice',
      out,
      '--out',
      join(folder, 'again'),
      '--config',
      sliceFile('all.json', {}),
      '--json',
    ]);
    assert.equal(json.code, 0, json.stderr);
    const { slice, parameters } = JSON.parse(json.stdout) as {
      slice: object;
      parameters: { base: number; slice: number };
    };
    assert.deepEqual(slice, { layers: [0, 1, 2], intermediate_size: [64, 48, 16] });
    assert.equal(parameters.base, parameters.slice);
  });

  it('ends with 2 and one sentence on bad input', async () => {
    const out = join(folder, 'never');
    const good = sliceFile('good.json', { intermediate_size: 8 });
    const refused: [string[], RegExp][] = [
      [
        ['--preset', 'e2b'],
        /config\.json: expected Gemma 3n E4B .* for the preset e2b, got 4 layers of width 64, 2 of them shared\.$/,
      ],
      [[], /--preset and --config: expected one of them, got neither\.$/],
      [['--preset', 'e2b', '--config', good], /--preset and --config: expected one of them, got both\.$/],
      [['--preset', 'e3b'], /'e3b' is invalid\. Allowed choices are e2b\.$/],
      [['--config', join(folder, 'none.json')], /none\.json: expected a readable JSON file, got no such folder\.$/],
      [['--config', sliceFile('a.json', '[')], /a\.json: expected JSON, got /],
      [
        ['--config', sliceFile('b.json', { layers: [0, 2, 3] })],
        /b\.json, field layers: expected layer 1 among them, .*\.$/,
      ],
      [
        ['--config', sliceFile('c.json', { intermediate_size: 65 })],
        /c\.json, field intermediate_size, value 0: expected a width from 1 to the 64 of the base's layer 0, got 65\.$/,
      ],
    ];
    for (const [options, message] of refused) {
      const { code, stdout, stderr } = await cli(['slice', whole, '--out', out, ...options]);
      assert.deepEqual([code, stdout], [2, ''], message.source);
      assert.match(stderr.trim(), message);
      assert.match(stderr, /^3ncore: [^\n]+\n$/);
    }
    assert.ok(!existsSync(out));
  });
});
