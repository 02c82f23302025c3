import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openEngine } from 'gemma-3ncore/engine/open';
import type { WorkName } from '../../support/full_size.js';
import { measureApart } from '../../support/full_size_process.js';

describe('memory of quantized layers', () => {
  it('is that of packed weights and one dequantized layer, compiled', async (context) => {
    if ((await openEngine()) !== 'tensorflow') return context.skip('this engine keeps no packed weights');
    const aboveIdle = async (work: WorkName): Promise<number> => {
      const { peakMB, idleMB, finite } = await measureApart(work, '224', 2);
      assert.ok(finite);
      return peakMB - idleMB;
    };
    // Six layers of so400m/14: 366 MB of matrices at fp32, 92 at 8 bits, 52 at 4; the rest of about 100 MB is the same.
    const fp32 = await aboveIdle('layers-fp32');
    const int8 = await aboveIdle('layers-int8');
    const nf4 = await aboveIdle('layers-nf4');
    assert.ok(int8 < 0.65 * fp32 && nf4 < 0.55 * fp32, `fp32 ${fp32} MB, int8 ${int8} MB, nf4 ${nf4} MB`);
  });
});
