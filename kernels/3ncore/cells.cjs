'use strict';
// Runs cells one after another and keeps what tslab only prints: the value of the last expression and the error.
const { format, inspect } = require('node:util');
const { describeDiagnostics, describeThrown } = require('./errors.cjs');
const { watchInterruptListeners } = require('./process.cjs');

/** Time in which requests that were sent together with a failed cell ("Run all") arrive, to be aborted with it. */
const drainMs = 50;

/** MIME bundle of a cell's value; an object may bring its own as `[Symbol.for('Jupyter.display')]()`. */
function render(value) {
  const text = { 'text/plain': inspect(value, { depth: 4 }) };
  const display = value?.[Symbol.for('Jupyter.display')];
  return typeof display === 'function' ? { ...text, ...display.call(value) } : text;
}

/** The console that tslab's executor writes a cell's outcome to. */
class Outcome {
  clear() {
    this.value = undefined;
    this.thrown = [];
    this.diagnostics = [];
  }
  log(value) {
    this.value = value;
  }
  error(...args) {
    if (args.length === 1) this.thrown.push(args[0]);
    else this.diagnostics.push({ file: args[1], line: args[2], column: args[3], message: format(args[4]) });
  }
}

function createCellHandler(tslabRequire, makeExecutor) {
  const { JupyterHandlerImpl } = tslabRequire('./jupyter');
  const typescript = tslabRequire('@tslab/typescript-for-tslab');

  return new (class CellHandler extends JupyterHandlerImpl {
    constructor() {
      const outcome = new Outcome();
      super(makeExecutor({ log: (value) => outcome.log(value), error: (...args) => outcome.error(...args) }), false);
      this.outcome = outcome;
      this.waiting = new Set();
      this.last = Promise.resolve();
    }

    handleKernel() {
      const info = super.handleKernel();
      const language_info = { ...info.language_info, version: typescript.version };
      return { ...info, status: 'ok', implementation: '3ncore', protocol_version: '5.4', language_info };
    }

    /** tslab's writer drops the callback of `write(text, encoding, done)`, on which streams wait. */
    createWriteToIopub(name, writeStream) {
      const write = super.createWriteToIopub(name, writeStream);
      return (chunk, encoding, done) => {
        write(chunk);
        const callback = typeof encoding === 'function' ? encoding : done;
        if (callback) process.nextTick(callback);
        return true;
      };
    }

    /** Queues a cell; `outlet` takes what it shows. Resolves with the content of `execute_reply`. */
    execute(request, outlet) {
      const cell = { request, outlet, aborted: false };
      this.waiting.add(cell);
      const reply = this.last.then(() => this.runNext(cell));
      this.last = reply;
      return reply;
    }

    async runNext(cell) {
      this.waiting.delete(cell);
      if (cell.aborted) return { status: 'aborted' };
      const reply = await this.runCell(cell);
      if (reply.status === 'error' && cell.request.stop_on_error !== false) await this.abortWaiting();
      return reply;
    }

    /** The reply to the failed cell goes out after this, so a client that waits for it is never aborted. */
    async abortWaiting() {
      await new Promise((resolve) => setTimeout(resolve, drainMs));
      for (const cell of this.waiting) cell.aborted = true;
    }

    async runCell({ request, outlet }) {
      const count = this.execCount + 1;
      const counted = request.silent !== true && request.store_history !== false;
      this.outcome.clear();
      this.running = request;
      outlet.started(count);
      const keepListening = watchInterruptListeners();
      const finished = this.handleExecuteImpl(request, outlet.stream, outlet.display).then(
        () => true,
        (error) => {
          // tslab throws the count of a cell that failed, whose error is in the outcome; anything else is its own failure.
          if (typeof error?.count !== 'number') this.outcome.thrown.push(error);
          return false;
        },
      );
      keepListening();
      const ok = await finished;
      outlet.streams.flush();
      this.running = undefined;
      if (!counted) this.execCount = count - 1;
      return ok ? this.succeeded(count, outlet) : this.failed(request, count, outlet);
    }

    succeeded(count, outlet) {
      // A module cell (`/** @module name */`) is kept in spite of complaints.
      for (const { line, column, message } of this.outcome.diagnostics)
        outlet.stream('stderr', `${line}:${column} - ${message}\n`);
      outlet.streams.flush();
      if (this.outcome.value !== undefined) outlet.result(count, render(this.outcome.value));
      return { status: 'ok', execution_count: count, user_expressions: {}, payload: [] };
    }

    failed(request, count, outlet) {
      const { diagnostics, thrown } = this.outcome;
      const error = diagnostics.length > 0 ? describeDiagnostics(diagnostics, request.code) : describeThrown(thrown[0]);
      outlet.error(error);
      return { status: 'error', execution_count: count, ...error };
    }

    interrupt() {
      this.executor.interrupt();
    }
  })();
}

module.exports = { createCellHandler };
