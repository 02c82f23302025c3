import assert from 'node:assert/strict';
import { test } from 'node:test';
import { escapeHtml } from 'gemma-3ncore/host/html';

test('text from data cannot leave its place in HTML content or in a quoted attribute', () => {
  assert.equal(escapeHtml(`<img src="x" onerror='a&b'>`), '&lt;img src=&quot;x&quot; onerror=&#39;a&amp;b&#39;&gt;');
});
