'use strict';
// The kernel as a process: interrupts, and no life after the Jupyter server's.

/** Time for work that listens to SIGINT itself (training: it finishes a step and saves) before its cell is given up. */
const graceMs = 10_000;
const parentCheckMs = 2_000;

/** SIGINT ends the running cell: at once, or after a grace when code of the cell listens too; a second one ends it at once. */
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

/** A server that was killed cannot shut its kernels down: they leave when they are orphaned. */
function exitWithParent() {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) process.exit(1);
  }, parentCheckMs).unref();
}

module.exports = { stopOnInterrupt, exitWithParent };
