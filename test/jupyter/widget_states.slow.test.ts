import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { projectPath } from 'gemma-3ncore/host/places';
import type { Json, JsonObject } from 'gemma-3ncore/jupyter/kernel_port';
import type { Widget } from 'gemma-3ncore/jupyter/widget';
import * as widgets from 'gemma-3ncore/jupyter/widgets';
import { python } from '../kernel/jupyter.js';
import { useFakeKernel } from './fake_kernel.js';

const host = useFakeKernel();

/** The same samples as widget_states.py. */
const samples: Readonly<Record<string, () => Widget>> = {
  IntSlider: () => widgets.intSlider({ value: 3, min: 0, max: 10, description: 'label' }),
  FloatSlider: () => widgets.floatSlider({ value: 0.5, min: 0, max: 1, description: 'label' }),
  FloatLogSlider: () => widgets.floatLogSlider({ value: 0.001, min: 1e-5, max: 1e-1, description: 'label' }),
  IntText: () => widgets.intText({ value: 2, description: 'label' }),
  FloatText: () => widgets.floatText({ value: 2.5, description: 'label' }),
  Dropdown: () => widgets.dropdown({ options: ['a', 'b'], value: 'b', description: 'label' }),
  Checkbox: () => widgets.checkbox({ value: true, description: 'label' }),
  Text: () => widgets.text({ value: 'x', description: 'label' }),
  HTML: () => widgets.html('<b>x</b>', { description: 'label' }),
  Button: () => widgets.button({ description: 'label', onClick: () => undefined }),
  FloatProgress: () => widgets.floatProgress({ value: 1, min: 0, max: 2, description: 'label' }),
  VBox: () => widgets.vBox([]),
  HBox: () => widgets.hBox([]),
};

/** The state a widget opened with; references to other models become their names. */
function openedState(make: () => Widget): JsonObject {
  const { id } = make();
  const states = new Map<string, JsonObject>();
  for (const { content } of host.kernel.ofType('comm_open'))
    states.set(`IPY_MODEL_${content.comm_id}`, content.data['state'] as JsonObject);
  const named = (value: Json): Json => (typeof value === 'string' && states.get(value)?.['_model_name']) || value;
  const state = states.get(`IPY_MODEL_${id}`) ?? {};
  return Object.fromEntries(Object.entries(state).map(([key, value]) => [key, named(value)]));
}

test('each widget opens with the state that ipywidgets gives it, name by name', () => {
  const result = spawnSync(python, [projectPath('test', 'jupyter', 'widget_states.py')], { encoding: 'utf8' });
  assert.equal(result.status, 0, result.stderr);
  const expected = JSON.parse(result.stdout) as Record<string, JsonObject>;
  assert.deepEqual(Object.keys(expected).sort(), Object.keys(samples).sort());
  for (const [name, make] of Object.entries(samples)) assert.deepEqual(openedState(make), expected[name], name);
});
