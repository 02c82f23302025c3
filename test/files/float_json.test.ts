import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { float, parseFloatJson, stringifyFloatJson } from 'gemma-3ncore/files/float_json';

describe('files/float_json', () => {
  it('writes numbers as they were read, and everything else as JSON does', () => {
    const text = `{
  "cap": 30.0,
  "eps": 1e-06,
  "large": 1E+10,
  "count": 30,
  "list": [
    0.95,
    0.0,
    -2.50,
    7
  ],
  "text": "30.0 and \\"1.5\\" \\\\",
  "1.0": null
}
`;
    assert.equal(stringifyFloatJson(parseFloatJson(text)), text);
    assert.deepEqual(JSON.parse(stringifyFloatJson(parseFloatJson(text))), JSON.parse(text));
  });

  it('spells numbers as floats', () => {
    const values = [0, 1, -3, 0.5, 1e-7, 1e21];
    assert.equal(stringifyFloatJson(values.map(float)).replace(/\s/g, ''), '[0.0,1.0,-3.0,0.5,1e-7,1e+21]');
  });

  it('refuses what is no JSON', () => {
    for (const text of ['{', '[1.0 2.0]', '{1.0: 2}x', '']) assert.throws(() => parseFloatJson(text), SyntaxError);
  });
});
