import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { featureBytes, longFeaturesAdvice } from 'gemma-3ncore/feature_cost';
import { realPresetOnPhantoms } from './support/real_preset.js';

describe('feature_cost', () => {
  it('counts a map that two bridges match once, in half precision', () => {
    const experiment = realPresetOnPhantoms('random:siglip-so400m-14-448', 'random:mobilenetv5_300m_enc');
    assert.equal(experiment.bridges.length, 2);
    assert.equal(featureBytes(experiment), 16 * 16 * 1152 * 2);
    const [first, second] = experiment.bridges;
    const apart = { ...experiment, bridges: [first!, { ...second!, grid: 8 }] };
    assert.equal(featureBytes(apart), (16 * 16 + 8 * 8) * 1152 * 2);
  });

  it('warns of features that take more than two hours, with what to do', () => {
    assert.equal(longFeaturesAdvice(7199, 1000, 'cpu'), undefined);
    // 7 s for each ED and ES frame of EchoNet-Dynamic.
    const advice = longFeaturesAdvice(7 * 20060, 20060, 'cpu');
    assert.match(advice!, /20060 frames will take about 39 h 00 min on this processor\. A GPU .* not measured/);
    assert.match(advice!, /--limit N/);
    assert.match(advice!, /goes on from there/);
    assert.doesNotMatch(longFeaturesAdvice(8000, 20060, 'gpu')!, /A GPU/);
  });
});
