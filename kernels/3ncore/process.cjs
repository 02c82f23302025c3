'use strict';
// The kernel as a process: interrupts, and no life after the Jupyter server's.

/** Time for work that listens to SIGINT itself (training: it finishes a step and saves) before its cell is given up. */
const graceMs = 10_000;
const parentCheckMs = 2_000;

/**
 * SIGINT ends the running cell: at once, or after a grace when code of the cell listens too; a second one ends it at once.
 * One that comes while the cell is compiled can be lost: Node drops it with the listeners it removes around the run.
 */
function stopOnInterrupt(cells) {
  let asked;
  process.on('SIGINT', () => {
    const { running } = cells;
    if (running === undefined) return;
    const listening = process.listenerCount('SIGINT') > 1;
    if (!listening || asked === running) {
      cells.interrupt();
      return;
    }
    asked = running;
    setTimeout(() => {
      if (cells.running === running) cells.interrupt();
    }, graceMs).unref();
  });
}

/**
 * To be called around a cell's synchronous part, after which Node resets SIGINT to "end the process" unless it starts to
 * listen anew; a listener that the cell itself added keeps it from that. The returned function makes it start anew.
 */
function watchInterruptListeners() {
  const before = new Set(process.rawListeners('SIGINT'));
  return () => {
    const listeners = process.rawListeners('SIGINT');
    if (listeners.every((listener) => before.has(listener))) return;
    process.removeAllListeners('SIGINT');
    for (const listener of listeners) process.on('SIGINT', listener);
  };
}

/** A server that was killed cannot shut its kernels down: they leave when they are orphaned. */
function exitWithParent() {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) process.exit(1);
  }, parentCheckMs).unref();
}

module.exports = { watchInterruptListeners, stopOnInterrupt, exitWithParent };
