'use strict';
// The TypeScript kernel of the notebooks: tslab (its converter, executor and sockets) under a server of our own that also
// speaks the parts of the Jupyter protocol tslab leaves out. Usage: node launcher.cjs CONNECTION_FILE
const { findRoot, requireFromTslab } = require('./find_tslab.cjs');
const { checkCellsStrictly } = require('./strict.cjs');

const root = findRoot(process.cwd());
if (root === undefined) {
  process.stderr.write(
    `3ncore kernel: no node_modules/tslab at or above ${process.cwd()}; run "npm ci", or set NCORE_ROOT to the project.\n`,
  );
  process.exit(1);
}
if (findRoot.above(process.cwd()) === undefined) process.chdir(root); // cells import packages from the working folder

const tslabRequire = requireFromTslab(root);
checkCellsStrictly(tslabRequire); // before tslab loads its compiler
const { createConverter } = tslabRequire('./converter');
const { createExecutor } = tslabRequire('./executor');
const { createCellHandler } = require('./cells.cjs');
const { createServer } = require('./server.cjs');
const { installPort } = require('./port.cjs');
const { stopOnInterrupt, exitWithParent } = require('./process.cjs');

const node = createConverter({ isJS: false, isBrowser: false });
const converters = { node, browser: node, close: () => node.close() };
const cells = createCellHandler(tslabRequire, (console) => createExecutor(process.cwd(), converters, console));
const server = createServer(tslabRequire, cells, process.argv[2]);
installPort(server);
stopOnInterrupt(cells);
exitWithParent();
// What a cell leaves behind (a timer, a promise nobody awaits) must not end the kernel.
process.on('uncaughtException', (error) => console.error('Uncaught exception:', error));
process.on('unhandledRejection', (reason) => console.error('Unhandled promise rejection:', reason));
void server.init();
