'use strict';
// tslab has no option for the compiler's strictness: its compiler module is replaced by a copy whose factory adds the options.
const options = { strict: true, checkJs: false };

function checkCellsStrictly(tslabRequire) {
  const path = tslabRequire.resolve('@tslab/typescript-for-tslab');
  const compiler = tslabRequire(path);
  tslabRequire.cache[path].exports = {
    ...compiler,
    createWatchCompilerHost: (files, given, ...rest) =>
      compiler.createWatchCompilerHost(files, { ...given, ...options }, ...rest),
  };
}

module.exports = { checkCellsStrictly };
