import { escapeHtml } from '../host/escape.js';
import type { ValueWidget, Widget } from './widget.js';
import {
  checkbox,
  dropdown,
  floatLogSlider,
  floatSlider,
  floatText,
  hBox,
  html,
  intSlider,
  intText,
  text,
  vBox,
  type Described,
} from './widgets.js';

type Scalar = string | number | boolean | null;

/** The part of JSON Schema that a form shows; what it does not know (lists, unions, constants) it leaves out. */
export interface FormSchema {
  readonly $ref?: string;
  readonly $defs?: { readonly [name: string]: FormSchema };
  readonly type?: string | readonly string[];
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly Scalar[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly multipleOf?: number;
  readonly properties?: { readonly [name: string]: FormSchema };
}

export interface FormOptions {
  /** Only these properties of the top level, in this order; by default all. */
  readonly only?: readonly string[];
  /** Called after a field was written, with its dotted path; `refused` is what was chosen where the schema does not allow it. */
  readonly onChange?: (path: string, value: unknown, refused?: number) => void;
}

type Values = Record<string, unknown>;
type Write = (value: unknown, refused?: number) => void;
type Context = { readonly root: FormSchema; readonly onChange: NonNullable<FormOptions['onChange']> };

/** A range this wide is chosen on a logarithmic scale (learning rates). */
const logarithmicRatio = 1000;
/** A hundredth of a wider range is too coarse a step. */
const sliderRange = 10;
/** More integers than a slider has places for are typed. */
const sliderIntegers = 500;
const appearance = { descriptionWidth: '150px', layout: { width: '480px', flex: '0 0 auto' } };

/** A schema in place of its local reference (`#/$defs/name`); what stands beside the reference (title, default) wins. */
function resolve(schema: FormSchema, root: FormSchema): FormSchema {
  const name = /^#\/\$defs\/(.+)$/.exec(schema.$ref ?? '')?.[1];
  const target = name === undefined ? undefined : root.$defs?.[name];
  return target === undefined ? schema : { ...resolve(target, root), ...schema };
}

/**
 * The number nearest to `value` that the schema allows, undefined for one at an excluded bound; the sliders' binary
 * fractions are rounded to six digits.
 */
function allowedNumber(value: number, schema: FormSchema): number | undefined {
  const { minimum = -Infinity, maximum = Infinity, exclusiveMinimum = -Infinity, exclusiveMaximum = Infinity } = schema;
  const rounded = schema.type === 'integer' ? Math.round(value) : Number(value.toPrecision(6));
  const nearest = Math.min(maximum, Math.max(minimum, rounded));
  return nearest > exclusiveMinimum && nearest < exclusiveMaximum ? nearest : undefined;
}

function integerWidget(schema: FormSchema, value: number, label: Described): ValueWidget<number> {
  const { minimum: min, maximum: max, multipleOf: step = 1 } = schema;
  if (min === undefined || max === undefined || max - min > sliderIntegers) return intText({ value, ...label });
  return intSlider({ value, min, max, step, ...label });
}

function numberWidget(schema: FormSchema, value: number, label: Described): ValueWidget<number> {
  if (schema.type === 'integer') return integerWidget(schema, value, label);
  const { minimum: min, maximum: max, multipleOf } = schema;
  if (min === undefined || max === undefined) return floatText({ value, ...label });
  if (min > 0 && max / min >= logarithmicRatio) return floatLogSlider({ value, min, max, ...label });
  if (multipleOf !== undefined) return floatSlider({ value, min, max, step: multipleOf, ...label });
  return max - min > sliderRange ? floatText({ value, ...label }) : floatSlider({ value, min, max, ...label });
}

function boundNumber(schema: FormSchema, value: unknown, label: Described, write: Write): Widget {
  let current = typeof value === 'number' ? value : (schema.minimum ?? 0);
  const widget = numberWidget(schema, current, label);
  widget.observe((chosen) => {
    current = allowedNumber(chosen, schema) ?? current;
    if (current !== chosen) widget.value = current;
    const isRefused = Math.abs(current - chosen) > 1e-5 * Math.abs(chosen);
    write(current, isRefused ? chosen : undefined);
  });
  return widget;
}

function bound<T>(widget: ValueWidget<T>, write: Write): Widget {
  widget.observe((value) => write(value));
  return widget;
}

/** The input of one scalar property; undefined for a schema that a form cannot show. */
function inputOf(schema: FormSchema, value: unknown, label: Described, write: Write): Widget | undefined {
  if (schema.enum !== undefined) {
    const known = schema.enum.includes(value as Scalar) ? { value: value as Scalar } : {};
    return bound(dropdown({ options: schema.enum, ...known, ...label }), write);
  }
  switch (schema.type) {
    case 'boolean':
      return bound(checkbox({ value: value === true, ...label }), write);
    case 'string':
      return bound(text({ value: typeof value === 'string' ? value : '', ...label }), write);
    case 'integer':
    case 'number':
      return boundNumber(schema, value, label, write);
    default:
      return undefined;
  }
}

function help(description: string): Widget {
  const look = 'color:var(--jp-ui-font-color2,#666);font-size:12px;line-height:1.35;display:block;padding:5px 0 0 8px';
  return html(`<span style="${look}">${escapeHtml(description)}</span>`, { layout: { flex: '1 1 0' } });
}

function scalarField(schema: FormSchema, path: readonly string[], values: Values, context: Context): Widget[] {
  const name = path.at(-1) as string;
  const label = { description: schema.title ?? name, tooltip: schema.description ?? name, ...appearance };
  const widget = inputOf(schema, values[name], label, (value, refused) => {
    values[name] = value;
    context.onChange(path.join('.'), value, refused);
  });
  if (widget === undefined) return [];
  return [schema.description === undefined ? widget : hBox([widget, help(schema.description)])];
}

function group(schema: FormSchema, path: readonly string[], values: Values, context: Context): Widget[] {
  const fields = fieldsOf(schema, Object.keys(schema.properties ?? {}), path, values, context);
  if (fields.length === 0) return [];
  return [html(`<b>${escapeHtml(schema.title ?? path.join('.'))}</b>`), ...fields];
}

/** A group that may be null: a box says whether it is there; meanwhile its fields keep what is chosen in them. */
function optionalGroup(schema: FormSchema, path: readonly string[], values: Values, context: Context): Widget[] {
  const name = path.at(-1) as string;
  const { title = name, description = name } = schema;
  const held = (values[name] ?? {}) as Values;
  if (values[name] === undefined) values[name] = held;
  const box = checkbox({ value: values[name] !== null, description: title, tooltip: description, ...appearance });
  box.observe((chosen) => {
    values[name] = chosen ? held : null;
    context.onChange(path.join('.'), values[name]);
  });
  return [
    html(`<b>${escapeHtml(title)}</b>`),
    hBox([box, help(description)]),
    ...fieldsOf(schema, Object.keys(schema.properties ?? {}), path, held, context),
  ];
}

function fieldsOf(
  schema: FormSchema,
  names: readonly string[],
  path: readonly string[],
  values: Values,
  context: Context,
): Widget[] {
  return names.flatMap((name) => {
    const property = resolve(schema.properties?.[name] ?? {}, context.root);
    if (values[name] === undefined && property.default !== undefined) values[name] = structuredClone(property.default);
    if (property.properties === undefined) return scalarField(property, [...path, name], values, context);
    if (property.type?.includes('null') === true) return optionalGroup(property, [...path, name], values, context);
    const nested = (values[name] ??= {}) as Values;
    return group(property, [...path, name], nested, context);
  });
}

/**
 * A form for an object that a JSON schema describes: sliders where a number has both bounds and a fitting range,
 * choices for `enum`, groups for nested objects. Absent values are filled with the schema's defaults at once; each choice
 * is written into `values`. Nobody needs to answer: without a front end the values stay.
 */
export function schemaForm(schema: FormSchema, values: object, options: FormOptions = {}): Widget {
  const context = { root: schema, onChange: options.onChange ?? (() => undefined) };
  const names = options.only ?? Object.keys(schema.properties ?? {});
  const heading = schema.title === undefined ? [] : [html(`<b>${escapeHtml(schema.title)}</b>`)];
  return vBox([...heading, ...fieldsOf(schema, names, [], values as Values, context)]);
}
