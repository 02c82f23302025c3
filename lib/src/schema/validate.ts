import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ErrorObject } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { default as addFormats } from 'ajv-formats';
import { BadInput } from '../host/errors.js';
import { projectPath } from '../host/places.js';

const ending = '.schema.json';
let compiled: Ajv2020 | undefined;

function readJson(path: string): object {
  return JSON.parse(readFileSync(path, 'utf8')) as object;
}

/** All schemas of `data-manifests/schemas`, which refer to each other by file name; each is compiled when first used. */
function schemas(): Ajv2020 {
  if (compiled !== undefined) return compiled;
  const folder = projectPath('data-manifests', 'schemas');
  const ajv = new Ajv2020({ verbose: true, allowUnionTypes: true, strictTypes: false, strictRequired: false });
  ajv.addMetaSchema(readJson(require.resolve('ajv/dist/refs/json-schema-draft-07.json')));
  addFormats.default(ajv);
  for (const file of readdirSync(folder).filter((name) => name.endsWith(ending))) {
    ajv.addSchema(readJson(join(folder, file)), file);
  }
  compiled = ajv;
  return ajv;
}

/** `/training/0/steps` as people write it: `training[0].steps`. */
function readablePath(pointer: string): string {
  const parts = pointer.split('/').slice(1);
  const names = parts.map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  return names.reduce((path, name) => {
    if (/^\d+$/.test(name)) return `${path}[${name}]`;
    return path === '' ? name : `${path}.${name}`;
  }, '');
}

function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

/** What the schema wants and what stands there, in words. */
function described(error: ErrorObject): { expected: string; got: string; field?: string } {
  const params = error.params as Readonly<Record<string, unknown>>;
  const got = shown(error.data);
  switch (error.keyword) {
    case 'required':
      return { expected: `a field ${String(params['missingProperty'])}`, got: 'none' };
    case 'additionalProperties':
    case 'unevaluatedProperties': {
      const known = Object.keys((error.parentSchema as { properties?: object }).properties ?? {});
      const name = String(params['additionalProperty'] ?? params['unevaluatedProperty']);
      return { expected: known.length > 0 ? `only ${known.join(', ')}` : 'no such field', got: `a field ${name}` };
    }
    case 'type':
      return { expected: `a value of type ${[params['type']].flat().join(' or ')}`, got };
    case 'enum':
      return { expected: `one of ${(params['allowedValues'] as unknown[]).map(shown).join(', ')}`, got };
    case 'const':
      return { expected: shown(params['allowedValue']), got };
    case 'minimum':
    case 'maximum':
    case 'exclusiveMinimum':
    case 'exclusiveMaximum':
      return { expected: `a number ${String(params['comparison'])} ${String(params['limit'])}`, got };
    case 'format':
      return { expected: `a ${String(params['format'])}`, got };
    case 'pattern':
      return { expected: `text like ${String(params['pattern'])}`, got };
    default:
      return { expected: `a value that ${error.message ?? 'fits the schema'}`, got };
  }
}

/** The error that helps most: of alternatives (anyOf, oneOf) the one that came furthest into the value. */
function mostTelling(errors: readonly ErrorObject[]): ErrorObject {
  const depth = (error: ErrorObject): number => error.instancePath.split('/').length;
  const alternatives = errors.filter((error) => error.keyword !== 'anyOf' && error.keyword !== 'oneOf');
  const candidates = alternatives.length > 0 ? alternatives : errors;
  return candidates.reduce((best, error) => (depth(error) > depth(best) ? error : best));
}

/**
 * Checks `value` against `data-manifests/schemas/<schemaName>.schema.json` and returns it unchanged, typed.
 * `where` names the file or source in the {@link BadInput} thrown, which gives the field's path, what was expected and found.
 */
export function validate<T>(schemaName: string, value: unknown, where: string): T {
  const check = schemas().getSchema(`${schemaName}${ending}`);
  if (check === undefined) throw new Error(`no schema ${schemaName}${ending} in data-manifests/schemas`);
  if (check(value) === true) return value as T;
  const error = mostTelling(check.errors ?? []);
  const path = readablePath(error.instancePath);
  throw new BadInput({ where: path === '' ? where : `${where}, ${path}`, ...described(error) });
}
