'use strict';
// What the front end shows and the notebook stores of a failed cell: { ename, evalue, traceback }.
const { inspect, types } = require('node:util');

const internal = /node_modules[\\/]tslab[\\/]|node:(vm|internal)|kernels[\\/](3ncore|tslab)[\\/]\w+\.cjs/;

/** A stack without the kernel's own frames. Cells are compiled, so their line numbers are those of the JavaScript. */
function stackLines(error) {
  return String(error.stack ?? error)
    .split('\n')
    .filter((line) => !internal.test(line))
    .map((line) => line.replace(/evalmachine\.<anonymous>/g, 'cell (compiled)'));
}

function causeLines(error) {
  if (!types.isNativeError(error.cause)) return [];
  return ['Caused by:', ...stackLines(error.cause), ...causeLines(error.cause)];
}

function describeThrown(value) {
  if (!types.isNativeError(value)) {
    const text = inspect(value);
    return { ename: 'Thrown', evalue: text, traceback: [`Thrown: ${text}`] };
  }
  if (value.code === 'ERR_SCRIPT_EXECUTION_INTERRUPTED' || value.message === 'Interrupted asynchronously')
    return {
      ename: 'Interrupted',
      evalue: 'the cell was interrupted',
      traceback: ['Interrupted: the cell was interrupted'],
    };
  const ename = String(value.name || 'Error');
  const evalue = String(value.message);
  // These speak to the person at the notebook, in one sentence, and need no stack.
  const traceback =
    ename === 'BadInput' || ename === 'Interrupted'
      ? [`${ename}: ${evalue}`]
      : [...stackLines(value), ...causeLines(value)];
  return { ename, evalue, traceback };
}

/** The compiler's complaints, each with the line it is about. */
function describeDiagnostics(diagnostics, code) {
  const lines = code.split('\n');
  const traceback = diagnostics.flatMap(({ file, line, column, message }) => {
    const text = `${file}${line}:${column} - ${message}`;
    const source = file === '' ? lines[line - 1] : undefined;
    return source === undefined ? [text] : [text, `  ${source}`, `  ${' '.repeat(column - 1)}^`];
  });
  if (diagnostics.some(({ message }) => String(message).startsWith('Cannot find name')))
    traceback.push('A name is there once the cell that declares it has run since the kernel started.');
  return { ename: 'TypeScriptError', evalue: diagnostics[0].message, traceback };
}

module.exports = { describeThrown, describeDiagnostics };
