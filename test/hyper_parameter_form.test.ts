import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hyperParameterForm } from 'gemma-3ncore/hyper_parameter_form';
import { preset } from 'gemma-3ncore/schema/presets';
import { useFakeKernel } from './jupyter/fake_kernel.js';

const host = useFakeKernel();

/** Id of the widget with a label. */
function labelled(description: string): string {
  const opened = host.kernel.ofType('comm_open');
  const found = opened.find(
    ({ content }) => (content.data['state'] as { description?: string }).description === description,
  );
  return found?.content.comm_id ?? assert.fail(`no widget is labelled ${description}`);
}

const lastText = (): string => String((host.kernel.sent.at(-1)!.content.data['state'] as { value: string }).value);

test('values that do not go together, or are not allowed, are told in words below the form until they are mended', () => {
  const experiment = preset('tiny');
  hyperParameterForm(experiment);
  host.kernel.update(labelled('Feature-only steps'), { value: 50 });
  assert.match(lastText(), /training\.feature_steps: expected fewer than training\.steps \(8\), got 50\./);
  host.kernel.update(labelled('Feature-only steps'), { value: 4 });
  assert.equal(lastText(), '');
  host.kernel.update(labelled('Rank'), { value: 9999 });
  assert.match(lastText(), /adapter\.r: 9999 is not allowed, it is 512 now\./);
  assert.deepEqual([experiment.training.feature_steps, experiment.adapter?.r], [4, 512]);
});
