// Fails where a notebook of the project has outputs or counts: they could show patients' data. Part of `npm run check`.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url));
const generated = new Set(['node_modules', 'runs', 'exports', 'dist']);

/** The notebooks below a folder, without what is generated or hidden. */
function notebooksIn(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const { name } = entry;
    if (name.startsWith('.') || generated.has(name)) return [];
    const path = join(folder, name);
    if (entry.isDirectory()) return notebooksIn(path);
    return name.endsWith('.ipynb') ? [path] : [];
  });
}

/** What of a notebook's cells and metadata was left by running it. */
function tracesIn(path) {
  const { cells, metadata } = JSON.parse(readFileSync(path, 'utf8'));
  const traces = cells.flatMap(({ outputs = [], execution_count = null, attachments }, i) => [
    ...(outputs.length > 0 ? [`cell ${i}: outputs`] : []),
    ...(execution_count === null ? [] : [`cell ${i}: an execution count`]),
    ...(attachments === undefined ? [] : [`cell ${i}: an attachment`]),
  ]);
  return metadata.widgets === undefined ? traces : [...traces, "metadata: widgets' states"];
}

const found = notebooksIn(root);
for (const path of found) {
  for (const trace of tracesIn(path)) {
    console.error(`${path}, ${trace}; clear them: jupyter nbconvert --clear-output --inplace ${path}`);
    process.exitCode = 1;
  }
}
if (found.length === 0) {
  console.error(`${root}: no notebooks`);
  process.exitCode = 1;
}
