'use strict';
// What the kernel offers to a library that cells import (gemma-3ncore/jupyter/*), as globalThis[Symbol.for('3ncore.kernel')]:
// `publish` sends a message as output of the running (or last) cell; a library that handles comms sets `comms` to
// { handle(type, content, buffers), info(targetName) }.
const port = { publish: undefined, comms: undefined };

function installPort(server) {
  port.publish = (type, content, metadata, buffers) =>
    server.publish(type, content, server.cellHeader, metadata, buffers);
  globalThis[Symbol.for('3ncore.kernel')] = port;
}

module.exports = { installPort, port };
