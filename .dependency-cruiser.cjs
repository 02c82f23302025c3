'use strict';
// The layers of lib/README.md: a file imports only from lower layers or from its own folder, and never in a cycle.
const layers = [
  ['host'],
  ['schema'],
  ['engine', 'tree', 'files'],
  ['ops'],
  ['nn'],
  ['models', 'adapters', 'data', 'analysis'],
  ['distill'],
  ['report', 'jupyter'],
];
const folders = (names) => names.map((name) => `^lib/src/${name}/`).join('|');
const flat = layers.flatMap((names, level) => names.map((name) => ({ name, level })));

module.exports = {
  forbidden: [
    { name: 'no-cycle', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-unresolved', severity: 'error', from: {}, to: { couldNotResolve: true } },
    ...flat.map(({ name, level }) => ({
      name: `${name}-imports-downward`,
      comment: `${name}/ may import only from lower layers and its own folder`,
      severity: 'error',
      from: { path: `^lib/src/${name}/` },
      to: {
        path: '^lib/src/',
        pathNot: [`^lib/src/${name}/`, ...(level > 0 ? [folders(layers.slice(0, level).flat())] : [])],
      },
    })),
    {
      name: 'phases-do-not-import-the-cli',
      severity: 'error',
      from: { pathNot: '^lib/src/cli' },
      to: { path: '^lib/src/cli' },
    },
    {
      name: 'only-engine-imports-a-backend',
      severity: 'error',
      from: { path: '^lib/src/', pathNot: '^lib/src/engine/' },
      to: { path: 'node_modules/@tensorflow/(tfjs-node-gpu|tfjs-backend-wasm)' },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.base.json' },
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['require', 'node', 'default', 'types'] },
  },
};
