import { readFileSync } from 'node:fs';
import { BadInput, messageOf } from '../host/errors.js';
import { printable } from '../host/text.js';
import { fileError, writeFileAtomic } from './atomic.js';

/** A JSON object whose fields are still to be checked. */
export type JsonObject = Readonly<Record<string, unknown>>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @throws BadInput when the file is missing, unreadable or not JSON. */
export function readJson(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw fileError(error, path, 'a readable JSON file');
  }
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    throw new BadInput({ where: path, expected: 'JSON', got: printable(messageOf(error), 120) }, { cause: error });
  }
}

/** @throws BadInput when the file is missing, unreadable or not a JSON object. */
export function readJsonObject(path: string): JsonObject {
  const value = readJson(path);
  if (isJsonObject(value)) return value;
  throw new BadInput({
    where: path,
    expected: 'a JSON object',
    got: Array.isArray(value) ? 'an array' : String(value),
  });
}

/** Writes a value as indented JSON with a final newline, atomically. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  await writeFileAtomic(path, `${JSON.stringify(value, null, 2)}\n`);
}
