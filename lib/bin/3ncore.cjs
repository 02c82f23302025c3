#!/usr/bin/env node
'use strict';
const { existsSync } = require('node:fs');
const { join } = require('node:path');

const cli = join(__dirname, '..', 'dist', 'cli.js');
if (!existsSync(cli)) {
  process.stderr.write('3ncore: the library is not built yet; run "npm start" or "node kernels/setup.mjs" first.\n');
  process.exit(2);
}
void require(cli).main(process.argv);
