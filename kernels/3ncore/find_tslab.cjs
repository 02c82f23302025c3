'use strict';
// Which node_modules/tslab runs the cells.
const { existsSync } = require('node:fs');
const { createRequire } = require('node:module');
const { dirname, join, resolve } = require('node:path');

/** The nearest folder at or above `start` that has node_modules/tslab. */
function above(start) {
  for (let folder = resolve(start); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'node_modules', 'tslab', 'package.json'))) return folder;
    if (folder === dirname(folder)) return undefined;
  }
}

/** The project whose tslab runs: above the working folder, else NCORE_ROOT (set by the installed kernelspec), else above this file. */
function findRoot(workingFolder) {
  const { NCORE_ROOT } = process.env;
  return above(workingFolder) ?? (NCORE_ROOT ? above(NCORE_ROOT) : undefined) ?? above(__dirname);
}
findRoot.above = above;

/** `require` as tslab's own modules use it: './jupyter' is tslab/dist/jupyter.js. */
function requireFromTslab(root) {
  return createRequire(createRequire(join(root, 'package.json')).resolve('tslab'));
}

module.exports = { findRoot, requireFromTslab };
