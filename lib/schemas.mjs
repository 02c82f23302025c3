// Writes lib/src/schema/generated/*.ts, the types of the JSON schemas: `npm run schemas`; `--check` only compares.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compile } from 'json-schema-to-typescript';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const generated = join(root, 'lib', 'src', 'schema', 'generated');

// One union over the phases, so that what their reports share stands once.
const phases = ['reservoir', 'conduit', 'active'];
const roots = {
  experiment: { $ref: 'experiment.schema.json' },
  model: { $ref: 'model.schema.json' },
  training_frames: { $ref: 'training_frames.schema.json' },
  reports: { title: 'Report', anyOf: phases.map((phase) => ({ $ref: `${phase}.report.schema.json` })) },
};

for (const [name, schema] of Object.entries(roots)) {
  const target = join(generated, `${name}.ts`);
  const text = await compile(schema, name, {
    cwd: `${join(root, 'data-manifests', 'schemas')}/`,
    additionalProperties: false,
    bannerComment: '// Generated from data-manifests/schemas by "npm run schemas"; do not edit.',
    style: { singleQuote: true, printWidth: 120, trailingComma: 'all' },
    ignoreMinAndMaxItems: true,
  });
  if (!process.argv.includes('--check')) {
    mkdirSync(generated, { recursive: true });
    writeFileSync(target, text);
  } else if (readFileSync(target, 'utf8') !== text) {
    console.error(`lib/src/schema/generated/${name}.ts is older than its schema; run "npm run schemas".`);
    process.exitCode = 1;
  }
}
