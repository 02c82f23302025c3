import type { Json, JsonObject } from './kernel_port.js';
import { ValueWidget, Widget, type ValueCodec } from './widget.js';

const controls = '@jupyter-widgets/controls';
const base = '@jupyter-widgets/base';
/** Version of both model modules in ipywidgets 8. */
const moduleVersion = '2.0.0';

/** Label and state that most widgets have. */
export interface Described {
  readonly description?: string;
  readonly tooltip?: string;
  readonly disabled?: boolean;
  /** CSS width of the description; by default its own. */
  readonly descriptionWidth?: string;
  /** CSS of the widget's box, e.g. `{ width: '400px' }` (ipywidgets Layout). */
  readonly layout?: JsonObject;
}

/** A number between two bounds. */
export interface RangeOptions extends Described {
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly step?: number;
}

function names(module: string, model: string, view: string, viewModule = module): JsonObject {
  return {
    _model_module: module,
    _model_module_version: moduleVersion,
    _model_name: model,
    _view_count: null,
    _view_module: viewModule,
    _view_module_version: moduleVersion,
    _view_name: view,
  };
}

function layoutReference(css: JsonObject = {}): string {
  return new Widget({ ...names(base, 'LayoutModel', 'LayoutView'), ...css }).reference;
}

function styleReference(model: string, state: JsonObject): string {
  return new Widget({ ...names(controls, model, 'StyleView', base), ...state }).reference;
}

/** State that every control shares, with the defaults of ipywidgets. */
function common(name: string, style: string, options: Described, view = `${name}View`): JsonObject {
  const styleState = style === 'ButtonStyleModel' ? {} : { description_width: options.descriptionWidth ?? 'initial' };
  return {
    ...names(controls, `${name}Model`, view),
    _dom_classes: [],
    description: options.description ?? '',
    tabbable: null,
    tooltip: options.tooltip ?? null,
    layout: layoutReference(options.layout),
    style: styleReference(style, styleState),
  };
}

/** A control with a label. */
function labelled(name: string, style: string, options: Described, view?: string): JsonObject {
  return { ...common(name, style, options, view), description_allow_html: false };
}

/** A control with a label that a person can change. */
function input(name: string, style: string, options: Described, state: JsonObject): JsonObject {
  return { ...labelled(name, style, options), disabled: options.disabled ?? false, ...state };
}

const numberValue: ValueCodec<number> = { key: 'value', decode: Number, encode: (value) => value };
const textValue: ValueCodec<string> = { key: 'value', decode: String, encode: (value) => value };
const booleanValue: ValueCodec<boolean> = { key: 'value', decode: Boolean, encode: (value) => value };

function slider(name: string, options: RangeOptions, state: JsonObject): ValueWidget<number> {
  const { value, min, max, step = 1 } = options;
  const shared = { behavior: 'drag-tap', continuous_update: true, orientation: 'horizontal', readout: true };
  return new ValueWidget(
    input(name, 'SliderStyleModel', options, { ...shared, value, min, max, step, ...state }),
    numberValue,
  );
}

export function intSlider(options: RangeOptions): ValueWidget<number> {
  return slider('IntSlider', options, { readout_format: 'd' });
}

/** `step` defaults to a hundredth of the range. */
export function floatSlider(options: RangeOptions): ValueWidget<number> {
  const step = options.step ?? (options.max - options.min) / 100;
  return slider('FloatSlider', { ...options, step }, { readout_format: '.3g' });
}

/** `min` and `max` are values (not exponents, as in ipywidgets); `step` is one of the exponent of ten. */
export function floatLogSlider(options: RangeOptions): ValueWidget<number> {
  const { min, max, step = 0.1 } = options;
  const range = { min: Math.log10(min), max: Math.log10(max), step };
  return slider('FloatLogSlider', options, { base: 10, readout_format: '.3g', ...range });
}

export function intText(options: Described & { readonly value: number }): ValueWidget<number> {
  const state = { value: options.value, step: 1, continuous_update: false };
  return new ValueWidget(input('IntText', 'DescriptionStyleModel', options, state), numberValue);
}

export function floatText(options: Described & { readonly value: number }): ValueWidget<number> {
  const state = { value: options.value, step: null, continuous_update: false };
  return new ValueWidget(input('FloatText', 'DescriptionStyleModel', options, state), numberValue);
}

/** One of `options` (shown as text); `value` defaults to the first. */
export function dropdown<T extends string | number | boolean | null>(
  options: Described & { readonly options: readonly T[]; readonly value?: T },
): ValueWidget<T> {
  const choices = options.options;
  const codec: ValueCodec<T> = {
    key: 'index',
    decode: (index) => choices[Number(index)] as T,
    encode: (value) => choices.indexOf(value),
  };
  const index = options.value === undefined ? 0 : codec.encode(options.value);
  const state = { _options_labels: choices.map(String), index };
  return new ValueWidget(input('Dropdown', 'DescriptionStyleModel', options, state), codec);
}

export function checkbox(options: Described & { readonly value: boolean }): ValueWidget<boolean> {
  const state = { value: options.value, indent: true };
  return new ValueWidget(input('Checkbox', 'CheckboxStyleModel', options, state), booleanValue);
}

export function text(
  options: Described & { readonly value: string; readonly placeholder?: string },
): ValueWidget<string> {
  const state = { value: options.value, placeholder: options.placeholder ?? '', continuous_update: false };
  return new ValueWidget(input('Text', 'TextStyleModel', options, state), textValue);
}

/** HTML that can be replaced; text from data must have been escaped (host/escape). */
export function html(value: string, options: Described = {}): ValueWidget<string> {
  return new ValueWidget({ ...labelled('HTML', 'HTMLStyleModel', options), value, placeholder: '' }, textValue);
}

export function button(options: Described & { readonly description: string; readonly onClick: () => void }): Widget {
  const state = { disabled: options.disabled ?? false, button_style: '', icon: '' };
  const widget = new Widget({ ...common('Button', 'ButtonStyleModel', options), ...state });
  widget.onCustom((content) => {
    if (content['event'] === 'click') options.onClick();
  });
  return widget;
}

export function floatProgress(options: RangeOptions): ValueWidget<number> {
  const { value, min, max } = options;
  const state = { value, min, max, bar_style: '', orientation: 'horizontal' };
  const model = labelled('FloatProgress', 'ProgressStyleModel', options, 'ProgressView');
  return new ValueWidget({ ...model, ...state }, numberValue);
}

function box(name: string, children: readonly Widget[], layout?: JsonObject): Widget {
  const references: readonly Json[] = children.map((child) => child.reference);
  return new Widget({
    ...names(controls, `${name}Model`, `${name}View`),
    _dom_classes: [],
    box_style: '',
    children: references,
    tabbable: null,
    tooltip: null,
    layout: layoutReference(layout),
  });
}

/** Widgets one below the other. */
export function vBox(children: readonly Widget[], layout?: JsonObject): Widget {
  return box('VBox', children, layout);
}

/** Widgets side by side. */
export function hBox(children: readonly Widget[], layout?: JsonObject): Widget {
  return box('HBox', children, layout);
}
