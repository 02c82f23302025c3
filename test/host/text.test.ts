import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { printable, printableJson } from 'gemma-3ncore/host/text';

describe('host/text', () => {
  it('shows what a terminal would obey or hide', () => {
    assert.equal(printable('a\u001b[31m\r\nb'), 'a\\u{1b}[31m\\u{d}\\u{a}b');
    assert.equal(printable('abc\u202Efdp.avi'), 'abc\\u{202e}fdp.avi');
    assert.equal(printable('zero\u200bwidth\u0000'), 'zero\\u{200b}width\\u{0}');
  });

  it('writes JSON that a terminal obeys nowhere and that reads back as it was', () => {
    const value = { 'a\u001b[2J': ['x\u202Ey\u009b1m\u2028', '\u{E0041}', 'Müller 心臓 \n "q" \\u001b'] };
    const text = printableJson(value);
    assert.doesNotMatch(text, /(?!\n)[\p{Cc}\p{Cf}\u2028\u2029]/u);
    assert.deepEqual(JSON.parse(text), value);
    assert.equal(printableJson([1, 'ü']), '[\n  1,\n  "ü"\n]');
  });

  it('leaves letters of every script and cuts long text', () => {
    assert.equal(printable('Müller 心臓 <b>'), 'Müller 心臓 <b>');
    assert.equal(printable('x'.repeat(100)), `${'x'.repeat(79)}…`);
    assert.equal(printable('abcdef', 4), 'abc…');
  });
});
