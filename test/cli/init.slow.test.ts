import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { preset, presetNames } from 'gemma-3ncore/schema/presets';
import { cli, told } from '../support/cli.js';
import { useTemporaryFolder } from '../support/folder.js';

const folderFor = useTemporaryFolder();

describe('cli/init', () => {
  it('writes each preset whole and prints where', async () => {
    const folder = folderFor('presets');
    for (const name of presetNames) {
      const out = join(folder, `${name}.json`);
      const { code, stdout } = await cli(['init', '--preset', name, '--out', out]);
      assert.equal(code, 0);
      assert.equal(stdout, `${out}\n`);
      assert.deepEqual(JSON.parse(readFileSync(out, 'utf8')), preset(name));
    }
    assert.deepEqual(readdirSync(folder).sort(), presetNames.map((name) => `${name}.json`).sort());
  });

  it('keeps a file that was changed unless --force is given, and takes an unchanged one', async () => {
    const out = join(folderFor('changed'), 'e.json');
    writeFileSync(out, 'mine');
    const refused = await cli(['init', '--preset', 'tiny', '--out', out]);
    assert.equal(refused.code, 2);
    assert.match(
      told(refused).join('\n'),
      /^3ncore: .*e\.json: expected no file of that name, .*--force to replace it\.$/,
    );
    assert.equal(readFileSync(out, 'utf8'), 'mine');
    assert.equal((await cli(['init', '--preset', 'tiny', '--out', out, '--force'])).code, 0);
    assert.equal((await cli(['init', '--preset', 'tiny', '--out', out])).code, 0);
    assert.deepEqual(JSON.parse(readFileSync(out, 'utf8')), preset('tiny'));
  });

  it('answers bad input with one sentence and exit code 2, and writes nothing', async () => {
    const folder = folderFor('bad');
    mkdirSync(join(folder, 'folder'));
    writeFileSync(join(folder, 'file'), '');
    const out = join(folder, 'e.json');
    const cases: readonly [args: string[], says: RegExp][] = [
      [
        ['--preset', 'huge', '--out', out],
        /'huge' is invalid\. Allowed choices are tiny, phantom, medsiglip-gemma3n\./,
      ],
      [['--fast', '--out', out], /unknown option '--fast'/],
      [['--out', join(folder, 'absent', 'e.json')], /absent.e\.json: expected a place to write to, got no such folder/],
      [['--out', join(folder, 'file', 'e.json')], /got a path through something that is not a folder/],
      [['--out', join(folder, 'folder')], /expected a file to write, got a folder/],
    ];
    for (const [args, says] of cases) {
      const run = await cli(['init', ...args]);
      assert.equal(run.code, 2, run.stderr);
      assert.equal(run.stdout, '');
      const [sentence, ...more] = told(run);
      assert.match(sentence ?? '', says);
      assert.ok(sentence?.startsWith('3ncore: '));
      assert.deepEqual(more, []);
    }
    assert.deepEqual(readdirSync(folder).sort(), ['file', 'folder']);
    assert.deepEqual(readdirSync(join(folder, 'folder')), []);
  });
});
