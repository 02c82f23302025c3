import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { printable } from 'gemma-3ncore/host/text';

describe('host/text', () => {
  it('shows what a terminal would obey or hide', () => {
    assert.equal(printable('a\u001b[31m\r\nb'), 'a\\u{1b}[31m\\u{d}\\u{a}b');
    assert.equal(printable('abc\u202Efdp.avi'), 'abc\\u{202e}fdp.avi');
    assert.equal(printable('zero\u200bwidth\u0000'), 'zero\\u{200b}width\\u{0}');
  });

  it('leaves letters of every script and cuts long text', () => {
    assert.equal(printable('Müller 心臓 <b>'), 'Müller 心臓 <b>');
    assert.equal(printable('x'.repeat(100)), `${'x'.repeat(79)}…`);
    assert.equal(printable('abcdef', 4), 'abc…');
  });
});
