import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { costFigure } from 'gemma-3ncore/report/figures/cost';
import { metricsTable } from 'gemma-3ncore/report/result_tables';
import { readReport, reportPath, writeReport, type Phase, type ReportParts } from 'gemma-3ncore/report/report';
import { runSummary } from 'gemma-3ncore/report/summary';
import { validate } from 'gemma-3ncore/schema/validate';
import { active, assessment, conduit, reservoir } from './examples.js';

const folder = mkdtempSync(join(tmpdir(), 'report-'));
after(() => rmSync(folder, { recursive: true }));

type Json = Record<string, unknown>;

/** Paths of all fields of a value that its schema requires (optional ones are left out of the examples). */
function fieldsOf(value: unknown, path: string[] = []): string[][] {
  if (Array.isArray(value)) return value.length === 0 ? [] : fieldsOf(value[0], [...path, '0']);
  if (typeof value !== 'object' || value === null) return [];
  const entries = Object.entries(value).filter(
    ([name]) => !['experiment', 'counts', 'environment', 'rows'].includes(name),
  );
  return entries.flatMap(([name, child]) => [[...path, name], ...fieldsOf(child, [...path, name])]);
}

function without(value: Json, path: readonly string[]): Json {
  const copy = structuredClone(value);
  const parent = path.slice(0, -1).reduce<Json>((at, name) => at[name] as Json, copy);
  delete parent[path.at(-1)!];
  return copy;
}

describe('report/report', () => {
  it('writes what it reads, undefined statistics as null', async () => {
    const tables = [metricsTable(assessment.metrics)];
    const { teacher, student } = reservoir.body.cost;
    const written = await writeReport(folder, 'active', { ...active, tables }, [costFigure(teacher, student)]);
    assert.deepEqual(readReport(folder, 'active'), written);
    const pearson = written.body.metrics.find((row) => row.model === 'mean' && row.metric === 'pearson')!;
    assert.deepEqual([pearson.value, pearson.low], [null, null]);
    assert.deepEqual(written.figures, [
      { name: 'cost', title: 'Cost of teacher and student', file: 'figures/active/cost.svg' },
    ]);
    assert.match(readFileSync(join(folder, written.figures[0].file), 'utf8'), /^<svg/);
    assert.equal(written.research_only, 'For research only; not for clinical use.');
  });

  for (const [phase, parts] of Object.entries({ reservoir, conduit, active }) as [Phase, ReportParts<Phase>][]) {
    it(`requires every part of the ${phase} report and refuses unknown ones`, async () => {
      const report = (await writeReport(folder, phase, parts)) as unknown as Json;
      const fields = fieldsOf(report);
      assert.ok(fields.length > 25);
      for (const path of fields) {
        const check = () => validate(`${phase}.report`, without(report, path), 'r.json');
        assert.throws(check, { name: 'BadInput' }, path.join('.'));
      }
      const name = phase === 'reservoir' ? 'platform' : phase === 'conduit' ? 'estimates' : 'bootstrap';
      const inner = { ...((report['body'] as Json)[name] as Json), extra: 1 };
      const extended = { ...report, body: { ...(report['body'] as Json), [name]: inner } };
      assert.throws(
        () => validate(`${phase}.report`, extended, 'r.json'),
        /body\.\w+: expected only .* got a field extra/,
      );
      assert.throws(() => validate(`${phase}.report`, { ...report, extra: 1 }, 'r.json'), /got a field extra/);
    });
  }

  it('takes a run without bridges, which distils nothing', async () => {
    await writeReport(folder, 'conduit', { ...conduit, body: { ...conduit.body, bridges: [] } });
    assert.deepEqual(readReport(folder, 'conduit').body.bridges, []);
  });

  it('does not write an invalid report, which is an error of the program', async () => {
    const bridges = conduit.body.bridges.map((bridge) => ({ ...bridge, grid: [8] }));
    const broken = { ...conduit, body: { ...conduit.body, bridges } };
    const empty = mkdtempSync(join(folder, 'empty-'));
    await assert.rejects(writeReport(empty, 'conduit', broken), { name: 'Error', message: /body\.bridges\[0\]\.grid/ });
    assert.deepEqual(readdirSync(empty), []);
  });

  it('says which report is missing or not one', () => {
    assert.throws(
      () => readReport(join(folder, 'nowhere'), 'conduit'),
      /conduit\.report\.json: expected a readable JSON file/,
    );
    writeFileSync(reportPath(folder, 'reservoir'), '{');
    assert.throws(() => readReport(folder, 'reservoir'), { name: 'BadInput' });
  });
});

describe('report/summary', () => {
  it('says on one page what was run, how it went and that it is research', async () => {
    const reports = {
      reservoir: await writeReport(folder, 'reservoir', reservoir),
      conduit: await writeReport(folder, 'conduit', conduit),
      active: await writeReport(folder, 'active', active),
    };
    const text = runSummary('runs/1', reports);
    assert.match(text, /For research only; not for clinical use\.\nPhantom result/);
    assert.match(text, /EF \(%\)\ndistilled .* 4\.7 \[/);
    assert.match(text, /distilled − baseline: −1\.60 \[.*\] %, the interval includes zero/);
    assert.match(text, /run folder {5}runs\/1/);
    const lines = text.split('\n');
    assert.ok(lines.length <= 40 && lines.every((line) => line.length <= 120), text);
  });

  it('goes as far as the run came', () => {
    assert.match(runSummary('runs/1', {}), /GEMMA 3NCORE\nFor research only/);
  });
});
