import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from 'gemma-3ncore/jupyter/kernel_port';
import { portKey } from 'gemma-3ncore/jupyter/kernel';
import { button, dropdown, floatLogSlider, intSlider, text, vBox } from 'gemma-3ncore/jupyter/widgets';
import { useFakeKernel } from './fake_kernel.js';

const host = useFakeKernel();

test('a widget opens a comm with its state; layout and style are models of their own', () => {
  const slider = intSlider({ value: 3, min: 0, max: 10, description: 'rank' });
  const opened = host.kernel.ofType('comm_open');
  assert.equal(opened.length, 3);
  assert.deepEqual(opened.at(-1)?.metadata, { version: '2.1.0' });
  const state = opened.at(-1)?.content.data['state'] as JsonObject;
  assert.equal(state['_model_name'], 'IntSliderModel');
  assert.equal(state['layout'], `IPY_MODEL_${opened[0]?.content.comm_id}`);
  assert.deepEqual(Object.keys(host.kernel.comms?.info('jupyter.widget') ?? {}).length, 3);
  assert.equal(slider.value, 3);
});

test("the front end's change reaches value, echo and observers; the program's change reaches the front end only", () => {
  const slider = intSlider({ value: 3, min: 0, max: 10 });
  const seen: number[] = [];
  const stop = slider.observe((value) => seen.push(value));
  host.kernel.update(slider.id, { value: 7 });
  assert.equal(slider.value, 7);
  assert.equal(host.kernel.sent.at(-1)?.content.data['method'], 'echo_update');
  slider.value = 4;
  assert.deepEqual(host.kernel.sent.at(-1)?.content.data, { method: 'update', state: { value: 4 }, buffer_paths: [] });
  stop();
  host.kernel.update(slider.id, { value: 9 });
  assert.deepEqual(seen, [7]);
});

test('a dropdown speaks in values, a log slider in values with exponents as bounds', () => {
  const choice = dropdown({ options: ['fp32', 'int8', 'nf4'], value: 'int8' });
  assert.equal(choice.value, 'int8');
  host.kernel.update(choice.id, { index: 2 });
  assert.equal(choice.value, 'nf4');
  const rate = floatLogSlider({ value: 1e-3, min: 1e-5, max: 1e-1 });
  assert.deepEqual([rate.get('min'), rate.get('max'), rate.value], [-5, -1, 1e-3]);
});

test('a click is a custom message', () => {
  let clicks = 0;
  const widget = button({ description: 'Train', onClick: () => (clicks += 1) });
  const click = { method: 'custom', content: { event: 'click' } };
  host.kernel.comms?.handle('comm_msg', { comm_id: widget.id, data: click });
  assert.equal(clicks, 1);
});

test('after a reload the front end gets every model at once, and each on request', () => {
  const name = text({ value: 'a' });
  host.kernel.comms?.handle('comm_open', { comm_id: 'c', target_name: 'jupyter.widget.control', data: {} });
  host.kernel.comms?.handle('comm_msg', { comm_id: 'c', data: { method: 'request_states' } });
  const { states } = host.kernel.sent.at(-1)?.content.data as { states: Record<string, { state: JsonObject }> };
  assert.equal(states[name.id]?.state['value'], 'a');
  host.kernel.comms?.handle('comm_msg', { comm_id: name.id, data: { method: 'request_state' } });
  assert.equal(host.kernel.sent.at(-1)?.content.data['method'], 'update');
});

test('a comm for an unknown target is closed again', () => {
  text({ value: '' });
  host.kernel.comms?.handle('comm_open', { comm_id: 'x', target_name: 'nobody', data: {} });
  assert.deepEqual(host.kernel.sent.at(-1)?.type, 'comm_close');
  assert.equal(host.kernel.comms?.info()['x'], undefined);
});

test('a throwing observer does not stop the others', (context) => {
  const reported = context.mock.method(console, 'error', () => undefined);
  const slider = intSlider({ value: 1, min: 0, max: 9 });
  const seen: number[] = [];
  slider.observe(() => {
    throw new Error('mine');
  });
  slider.observe((value) => seen.push(value));
  host.kernel.update(slider.id, { value: 2 });
  assert.deepEqual(seen, [2]);
  assert.equal(reported.mock.callCount(), 1);
});

test('display names the model for front ends with widgets and the kind for those without', () => {
  const box = vBox([intSlider({ value: 1, min: 0, max: 2 })]);
  box.display();
  const { data } = host.kernel.sent.at(-1)?.content ?? { data: {} };
  assert.equal(data['text/plain'], 'VBox');
  assert.deepEqual((data['application/vnd.jupyter.widget-view+json'] as JsonObject)['model_id'], box.id);
});

test('outside a kernel widgets keep their values', () => {
  delete (globalThis as { [portKey]?: unknown })[portKey];
  const slider = intSlider({ value: 1, min: 0, max: 2 });
  slider.display();
  slider.value = 2;
  slider.close();
  assert.equal(slider.value, 2);
});
