// Runs the compiled tests: `node test/run.mjs [--quick] [name …]`. A name selects files whose path contains it.
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

const dist = join(dirname(fileURLToPath(import.meta.url)), 'dist');
const quick = process.argv.includes('--quick');
const names = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const files = readdirSync(dist, { recursive: true })
  // What was compiled from a test that is gone is no test.
  .filter((file) => existsSync(join(dist, '..', file.replace(/\.js$/, '.ts'))))
  .filter((file) => file.endsWith('.test.js') && !(quick && file.endsWith('.slow.test.js')))
  .filter((file) => names.length === 0 || names.some((name) => file.includes(name)))
  .map((file) => join(dist, file))
  .sort((a, b) => Number(b.includes('.slow.')) - Number(a.includes('.slow.')) || a.localeCompare(b));

let passed = 0;
let failed = 0;
let skipped = 0;
const failures = [];
const stream = run({ files, concurrency: 2, timeout: 30 * 60 * 1000 });
stream.on('test:pass', (event) => {
  if (event.details.type === 'suite') return;
  if (event.skip !== undefined) skipped += 1;
  else passed += 1;
});
stream.on('test:fail', (event) => {
  if (event.details.type === 'suite') return;
  failed += 1;
  failures.push(`${relative(dist, event.file ?? '')}: ${event.name}`);
});
stream.compose(new spec()).pipe(process.stdout);
stream.on('end', () => {
  setImmediate(() => {
    for (const failure of failures) console.log(`failed: ${failure}`);
    console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
    process.exit(failed > 0 || passed === 0 ? 1 : 0);
  });
});
