import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { readReport } from 'gemma-3ncore/report/report';
import { preset } from 'gemma-3ncore/schema/presets';
import { cli, type CliRun } from '../support/cli.js';
import { useFolder } from '../support/folder.js';
import { resultBytes, tinyConfig } from '../support/run.js';

const root = useFolder();
const env = { NCORE_CACHE: join(root, 'cache') };
const tiny = preset('tiny');
const adapter = { ...tiny.adapter!, target_modules: '.*blocks\\.3\\..*pw_exp\\.conv' };
const bridges = [{ ...tiny.bridges[0]!, student: 'stage.1' }, tiny.bridges[0]!];

function train(name: string, training: Parameters<typeof tinyConfig>[1]): Promise<CliRun> {
  const config = tinyConfig(join(root, `${name}.json`), { accumulation_steps: 2, ...training }, { adapter, bridges });
  return cli(['train', '--config', config, '--out', join(root, name)], { env });
}

/** What Conduit says of a row of its estimates. */
function estimate(name: string, what: string): unknown {
  const { tables } = readReport(join(root, name), 'conduit');
  return tables.find((found) => found.name === 'estimates')?.rows.find((row) => row['what'] === what)?.['value'];
}

describe('3ncore train with adapters in the last stage alone', () => {
  before(async () => {
    for (const [name, cache_prefix] of [['kept', true] as const, ['computed', false] as const]) {
      const { code, stderr } = await train(name, { cache_prefix });
      assert.equal(code, 0, stderr);
    }
  });

  it('keeps what the frozen blocks make of the frames, and says what that saves', () => {
    const { prefix } = readReport(join(root, 'kept'), 'conduit').body;
    assert.deepEqual([prefix?.after, prefix?.maps, prefix?.reason], ['blocks.2.2', ['blocks.2.2', 'blocks.1.0'], null]);
    assert.match(
      String(estimate('kept', 'frozen student blocks')),
      /^computed once up to blocks\.2\.2: saves [\d.]+ % of a forward pass, keeps blocks\.2\.2, blocks\.1\.0 in [\d.]+ MB$/,
    );
    assert.equal(estimate('computed', 'frozen student blocks'), 'computed in every pass: training.cache_prefix is off');
  });

  it('ends with the adapters of a run that computes them in every pass, byte for byte', () => {
    assert.deepEqual(resultBytes(join(root, 'kept')), resultBytes(join(root, 'computed')));
  });

  it('finds the maps again in another run', async () => {
    const { code, stderr } = await train('again', { learning_rate: 0.001 });
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(stderr, /Frozen student blocks/);
    const { code: listed, stdout } = await cli(['cache'], { env });
    assert.equal(listed, 0);
    assert.match(stdout, /blocks\.2\.2 +whole /);
  });
});
