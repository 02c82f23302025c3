import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from 'gemma-3ncore/jupyter/kernel_port';
import { schemaForm, type FormSchema } from 'gemma-3ncore/jupyter/widgets_form';
import { useFakeKernel } from './fake_kernel.js';

const host = useFakeKernel();

const schema: FormSchema = {
  $defs: { rank: { type: 'integer', title: 'Rank', minimum: 1, maximum: 64, default: 8 } },
  properties: {
    seed: { type: 'integer', title: 'Seed', minimum: 0, default: 0 },
    learningRate: { type: 'number', title: 'Learning rate', minimum: 1e-6, maximum: 1, default: 1e-3 },
    dropout: { type: 'number', title: 'Dropout', minimum: 0, maximum: 0.5, default: 0.1, description: 'share <p>' },
    precision: { title: 'Precision', enum: ['fp32', 'int8', 'nf4'], default: 'fp32' },
    augment: { type: 'boolean', title: 'Augment', default: true },
    note: { type: 'string', title: 'Note' },
    bridges: { type: 'array', default: [] },
    lora: { title: 'LoRA', properties: { r: { $ref: '#/$defs/rank' } } },
  },
};

/** Model name and id of the widget with a label. */
function labelled(description: string): { model: unknown; id: string; state: JsonObject } {
  const opened = host.kernel.ofType('comm_open').map(({ content }) => ({
    id: content.comm_id ?? '',
    state: content.data['state'] as JsonObject,
  }));
  const found = opened.find(({ state }) => state['description'] === description);
  assert.ok(found, `no widget is labelled ${description}`);
  return { ...found, model: found.state['_model_name'] };
}

test('each type and range gets its input, and absent values the defaults', () => {
  const values: Record<string, unknown> = { precision: 'nf4' };
  schemaForm(schema, values);
  assert.deepEqual(values, {
    seed: 0,
    learningRate: 1e-3,
    dropout: 0.1,
    precision: 'nf4',
    augment: true,
    bridges: [],
    lora: { r: 8 },
  });
  const models = ['Seed', 'Learning rate', 'Dropout', 'Precision', 'Augment', 'Note', 'Rank'].map(
    (label) => labelled(label).model,
  );
  assert.deepEqual(
    models.map((model) => String(model).replace(/Model$/, '')),
    ['IntText', 'FloatLogSlider', 'FloatSlider', 'Dropdown', 'Checkbox', 'Text', 'IntSlider'],
  );
  assert.equal(labelled('Precision').state['index'], 2);
});

test('choices are written into the object, nested ones too, and reported by path', () => {
  const values: Record<string, unknown> = {};
  const changes: unknown[] = [];
  schemaForm(schema, values, { onChange: (path, value) => changes.push([path, value]) });
  host.kernel.update(labelled('Rank').id, { value: 16 });
  host.kernel.update(labelled('Precision').id, { index: 1 });
  host.kernel.update(labelled('Learning rate').id, { value: 0.00099999999 });
  assert.deepEqual(changes, [
    ['lora.r', 16],
    ['precision', 'int8'],
    ['learningRate', 0.001],
  ]);
  assert.deepEqual([values['lora'], values['precision']], [{ r: 16 }, 'int8']);
});

test('a group that may be null is switched by a box and keeps what was chosen in it', () => {
  const optional: FormSchema = { properties: { lora: { ...schema.properties!['lora']!, type: ['object', 'null'] } } };
  const nested: FormSchema = { $defs: schema.$defs!, ...optional };
  const values: Record<string, unknown> = { lora: { r: 4 } };
  schemaForm(nested, values);
  const box = labelled('LoRA');
  host.kernel.update(box.id, { value: false });
  assert.equal(values['lora'], null);
  host.kernel.update(labelled('Rank').id, { value: 16 });
  assert.equal(values['lora'], null);
  host.kernel.update(box.id, { value: true });
  assert.deepEqual(values['lora'], { r: 16 });
});

test('a group that is null stays null until its box is ticked', () => {
  const properties = { lora: { ...schema.properties!['lora']!, type: ['object', 'null'] } };
  const values: Record<string, unknown> = { lora: null };
  schemaForm({ $defs: schema.$defs!, properties }, values);
  assert.equal(values['lora'], null);
  host.kernel.update(labelled('LoRA').id, { value: true });
  assert.deepEqual(values['lora'], { r: 8 });
});

test('a number outside the range is set back to the nearest allowed one', () => {
  const values: Record<string, unknown> = {};
  const changes: unknown[] = [];
  schemaForm(schema, values, { onChange: (...change) => changes.push(change) });
  const { id } = labelled('Seed');
  host.kernel.update(id, { value: -5 });
  assert.equal(values['seed'], 0);
  assert.deepEqual(changes, [['seed', 0, -5]]);
  assert.deepEqual(host.kernel.sent.at(-1)?.content.data['state'], { value: 0 });
});

test('a number at an excluded bound is set back to the one before; in wide ranges numbers are typed', () => {
  const rate: FormSchema = { type: 'number', title: 'Rate', exclusiveMinimum: 0, maximum: 1, default: 0.005 };
  const steps: FormSchema = { type: 'integer', title: 'Steps', minimum: 1, maximum: 1_000_000, default: 300 };
  const weight: FormSchema = { type: 'number', title: 'Weight', minimum: 0, maximum: 1000, default: 1 };
  const values: Record<string, unknown> = {};
  schemaForm({ properties: { rate, steps, weight } }, values);
  host.kernel.update(labelled('Rate').id, { value: 0.01 });
  host.kernel.update(labelled('Rate').id, { value: 0 });
  assert.deepEqual(values, { rate: 0.01, steps: 300, weight: 1 });
  assert.equal(labelled('Weight').model, 'FloatTextModel');
  assert.equal(labelled('Steps').model, 'IntTextModel');
});

test('descriptions are shown escaped, and only the chosen properties', () => {
  schemaForm(schema, {}, { only: ['dropout'] });
  const html = host.kernel.ofType('comm_open').map(({ content }) => (content.data['state'] as JsonObject)['value']);
  assert.ok(html.some((value) => String(value).includes('share &lt;p&gt;')));
  assert.throws(() => labelled('Seed'));
});
