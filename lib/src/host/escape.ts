/** Characters that XML 1.0 has no way to write, and the marks that reorder text around them. */
const unwritable = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\u202a-\u202e\u2066-\u2069\ufffe\uffff]/g;

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&#34;',
  "'": '&#39;',
};

/** Text from data as HTML, SVG or Plotly text, in content and in quoted attributes; unprintable characters become `�`. */
export function escapeHtml(text: string): string {
  return text.replace(unwritable, '\ufffd').replace(/[&<>"']/g, (character) => entities[character] as string);
}

/** Text from data inside a line or table cell of Markdown: no markup of its own, no HTML, on one line. */
export function escapeMarkdown(text: string): string {
  return escapeHtml(text.replace(/\s+/g, ' ').replace(/[\\`*_{}[\]()#!|~]/g, '\\$&'));
}
