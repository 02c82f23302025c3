import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { projectPath } from 'gemma-3ncore/host/places';
import { validate } from 'gemma-3ncore/schema/validate';

const envelope = {
  ...{ schema_version: 1, phase: 'conduit', created: '2026-01-01T00:00:00.000Z', title: 'T' },
  ...{ research_only: 'For research only; not for clinical use.', stamps: [], tables: [], figures: [], body: {} },
};

function sentence(change: object): string {
  try {
    validate('report', { ...envelope, ...change }, 'a.json');
  } catch (error) {
    assert.equal((error as Error).name, 'BadInput');
    return (error as Error).message;
  }
  return 'valid';
}

describe('schema/validate', () => {
  it('returns a valid value itself', () => {
    assert.equal(validate('report', envelope, 'a.json'), envelope);
  });

  it('says where, what was expected and what was found', () => {
    assert.equal(sentence({ phase: 'x' }), 'a.json, phase: expected one of "reservoir", "conduit", "active", got "x".');
    assert.equal(sentence({ title: 3 }), 'a.json, title: expected a value of type string, got 3.');
    assert.equal(sentence({ title: undefined }), 'a.json: expected a field title, got none.');
    assert.equal(sentence({ schema_version: 2 }), 'a.json, schema_version: expected 1, got 2.');
    assert.match(sentence({ created: 'today' }), /a\.json, created: expected .*, got "today"/);
    const column = { name: 'a', title: 'a', digits: -1 };
    const tables = [{ name: 't', title: 't', columns: [column], rows: [] }];
    assert.equal(sentence({ tables }), 'a.json, tables[0].columns[0].digits: expected a number >= 0, got -1.');
    const rows = [{ a: {} }];
    assert.match(
      sentence({ tables: [{ ...tables[0], columns: [], rows }] }),
      /tables\[0\]\.rows\[0\]\.a: expected a value/,
    );
    assert.match(sentence({ stamps: ['x'.repeat(200), ''] }), /stamps\[1\]: expected a value that must NOT have fewer/);
  });

  it('does not know other schemas', () => {
    assert.throws(() => validate('nothing', {}, 'a.json'), /no schema nothing\.schema\.json/);
  });

  it('has types as its schemas say', () => {
    execFileSync(process.execPath, [projectPath('lib', 'schemas.mjs'), '--check']);
  });
});
