/**
 * JSON whose floats keep their spelling. Python tells `30.0` from `30`, and transformers refuses a configuration that has one
 * for the other; JavaScript's own reading and writing makes them the same. Here a float is a text behind a mark of its own.
 */
const mark = '\uE000';
const stringOrNumber = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g;
const markedFloat = new RegExp(`"${mark}([-+.\\deE]+)"`, 'g');

/** A number as a float to be written by {@link stringifyFloatJson}. */
export function float(value: number): string {
  const text = String(value);
  return mark + (/[.e]/.test(text) ? text : `${text}.0`);
}

/** Parsed JSON with every number that is spelled as a float as {@link float} gives it. @throws SyntaxError when it is none. */
export function parseFloatJson(text: string): unknown {
  const marked = text.replace(stringOrNumber, (token) => (/^-?\d.*[.eE]/.test(token) ? `"${mark}${token}"` : token));
  return JSON.parse(marked);
}

/** Indented JSON with a final newline, floats spelled as they were read. */
export function stringifyFloatJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2).replace(markedFloat, '$1')}\n`;
}
