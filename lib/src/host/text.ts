/** Control characters (terminal escapes, line breaks) and characters that reverse or hide text. */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** A JSON document, indented, of which every character can be printed: others, in texts from data, as `\uXXXX`. */
export function printableJson(value: unknown): string {
  const escape = (character: string): string =>
    [...Array(character.length).keys()]
      .map((i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`)
      .join('');
  return JSON.stringify(value, null, 2).replace(unprintable, (found) => (found === '\n' ? found : escape(found)));
}

/** Text from data made safe for a message or a terminal: unprintable characters as `\u{…}`, cut to `limit` characters. */
export function printable(text: string, limit = 80): string {
  const cut = text.length > limit ? `${text.slice(0, limit - 1)}…` : text;
  return cut.replace(unprintable, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}
