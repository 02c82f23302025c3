// Sets up a fresh clone: `node kernels/setup.mjs [--only STEP,…] [--force]`. Plain Node.js: it runs before any package is installed.
// This file is written so that an old Node.js can read it and say what it lacks.
import { argv, exit, stderr, versions } from 'node:process';
import { fileURLToPath } from 'node:url';

const [major, minor] = versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  stderr.write(`set-up: Node.js ${versions.node} is too old; install Node.js 20.19 or newer.\n`);
  exit(2);
}

/** Sets the clone up from another program: `setUp({ only: ['packages', 'library'] })`. */
export async function setUp(options) {
  return (await import('./setup/main.mjs')).setUp(options);
}

if (argv[1] === fileURLToPath(import.meta.url)) await (await import('./setup/main.mjs')).main(argv.slice(2));
