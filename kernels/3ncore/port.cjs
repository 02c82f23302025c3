'use strict';
// What the kernel offers to a library that cells import (gemma-3ncore/jupyter/*), as globalThis[Symbol.for('3ncore.kernel')]:
// `publish` sends a message as output of the running (or last) cell; a library that handles comms sets `comms` to
// { handle(type, content, buffers), info(targetName) }. `cell` is another object for each cell.
const port = { publish: undefined, cell: undefined, comms: undefined };

function installPort(server) {
  port.publish = (type, content, metadata, buffers) => server.publishForCell(type, content, metadata, buffers);
  Object.defineProperty(port, 'cell', { get: () => server.cell });
  globalThis[Symbol.for('3ncore.kernel')] = port;
}

module.exports = { installPort, port };
