import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { escapeHtml, escapeMarkdown } from 'gemma-3ncore/host/escape';
import { filesIn } from './run.js';

/** A text as it would stand in a file: as it is, escaped for HTML, Markdown or JSON, in base64 at any offset. */
function formsOf(text: string): Buffer[] {
  const plain = [
    text,
    escapeHtml(text),
    escapeMarkdown(text),
    JSON.stringify(text).slice(1, -1),
    encodeURIComponent(text),
  ];
  // Of a text inside a longer one that is base64 whole groups of four characters are the same, whatever stands before it.
  const encoded = [0, 1, 2].map((shift) =>
    Buffer.concat([Buffer.alloc(shift), Buffer.from(text)])
      .toString('base64')
      .slice(shift === 0 ? 0 : 4)
      .replace(/=+$/, '')
      .slice(0, -1),
  );
  const forms = [...plain, ...encoded.filter((form) => form.length >= 6)].map((form) => Buffer.from(form));
  return [...forms, Buffer.from(text, 'utf16le')];
}

function contentOf(path: string): Buffer {
  const bytes = readFileSync(path);
  return bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes;
}

/**
 * Where planted texts (names of studies and patients, DICOM fields, a folder) stand below a folder, in any file's content or
 * name: `path: text`. Texts of fewer than four characters would be found by chance and are refused.
 */
export function plantedIn(folder: string, texts: readonly string[]): string[] {
  for (const text of texts) if (text.length < 4) throw new Error(`too short to be looked for: ${text}`);
  return filesIn(folder).flatMap((path) => {
    const content = contentOf(join(folder, path));
    return texts
      .filter((text) => path.includes(text) || formsOf(text).some((form) => content.includes(form)))
      .map((text) => `${path}: ${text}`);
  });
}
