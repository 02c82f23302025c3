import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { modelCard, type ModelCard } from 'gemma-3ncore/report/model_card';
import { phantomStamp } from 'gemma-3ncore/report/wording';
import { assessment, hostile } from './examples.js';

const notice = 'Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms';
const card: ModelCard = {
  ...{ name: 'EF reader', created: '2026-01-01T00:00:00Z' },
  base: { name: 'google/gemma-3n', licence: 'Gemma Terms' },
  teacher: { name: 'google/medsiglip-448', licence: 'HAI-DEF Terms' },
  encoder: { training: 'lora', rank: 8, alpha: 16, parameters: 123456, targets: ['blocks.2.4.attn.key.down_conv'] },
  data: {
    ...{ name: hostile, licence: 'x|y', terms_url: 'https://terms.example/<b>', citation: 'Plant et al. 2020' },
    ...{ collection: 'One hospital.', biases: '<i>One</i> country.', sensitive: 'Health data.' },
    ...{ trainingStudies: 64, testStudies: 10, input: { height: 256, width: 512 } },
    frames: {
      ...{ dataset: hostile, studies: 64, preparation: { whole: 60, 'small square': 4 } },
      size: { height: { least: 700, median: 778, most: 800 }, width: { least: 549, median: 549, most: 549 } },
      spacing: {
        studies: 60,
        x: { least: 0.25, median: 0.31, most: 0.402 },
        y: { least: 0.44, median: 0.44, most: 0.44 },
      },
    },
  },
  training: { steps: 300, seed: 0 },
  ...{ metrics: assessment.metrics, comparisons: assessment.comparisons },
  ...{ notices: [notice], stamps: [phantomStamp], limitations: ['Trained on 64 studies.'] },
};

describe('report/model_card', () => {
  const text = modelCard(card);

  it('says what the adapter is, where it comes from, how well it reads and under which terms', () => {
    for (const part of [
      ...['# EF reader', '## Origin', '## Intended use', '## Data', '## Results', '## Limitations'],
      ...['## Ethical considerations', '## Terms', notice, 'Out of scope: diagnosis', 'Cite: Plant et al. 2020'],
      ...['Collection: One hospital.', 'People in the data: Health data.'],
    ]) {
      assert.ok(text.includes(part), part);
    }
    assert.match(text, /\*\*For research only; not for clinical use\.\*\*\n\n\*\*Phantom result/);
    assert.match(text, /\| distilled \| EF \| MAE \| 4\.67 \\\[.*\\\] % \|/);
    assert.match(text, /123,456 parameters, on blocks\.2\.4\.attn\.key\.down\\_conv/);
    assert.match(text, /^---\nlibrary_name: peft\nbase_model: "google\/gemma-3n"/);
    assert.match(modelCard({ ...card, teacher: undefined } as unknown as ModelCard), /Trained without distillation/);
  });

  it('says at which scale its frames were, as far as that is known', () => {
    const line = text.split('\n').find((found) => found.startsWith('- Frames of '))!;
    assert.doesNotMatch(line, /<script/);
    assert.ok(line.includes('whole pictures or small squares taken as they are, 549×778 pixels in the median'), line);
    const range = '0.31 × 0.44 mm in the median \\(0.25 to 0.402 × 0.44\\), known of 60 of 64 studies';
    assert.ok(line.includes(`a pixel of its input \\(512×256\\) is ${range}`), line);
    const unknown = modelCard({ ...card, data: { ...card.data, frames: { ...card.data.frames, spacing: null } } });
    assert.match(unknown, /the scale of a pixel of its input \\\(512×256\\\) is not known$/m);
  });

  it('says of an encoder that was trained in full that it is no adapter', () => {
    const full = modelCard({ ...card, encoder: { training: 'full', parameters: 294_000_000 } });
    assert.match(full, /^- Encoder: trained in full, 294,000,000 parameters$/m);
    assert.match(full, /^---\nlibrary_name: timm\n/);
    assert.doesNotMatch(full, /lora|peft/i);
  });

  it('escapes text from data', () => {
    assert.doesNotMatch(text, /<(script|i|b)>/);
    assert.ok(text.includes('Terms: https://terms.example/&lt;b&gt;'));
    assert.match(text, /&lt;script&gt;alert\\\(&#34;1&#34;\\\)&lt;\/script&gt; \(x\\\|y\)/);
  });

  it('keeps every table row at the number of its columns', () => {
    const rows = text.split('\n').filter((line) => line.startsWith('| '));
    const cells = rows.map((row) => row.split(/(?<!\\)\|/).length);
    assert.equal(rows.length, 54 + 2 + 27 + 2);
    assert.deepEqual([...new Set(cells)], [6, 7]);
  });
});
