'use strict';
// The kernel's side of the Jupyter protocol. tslab's ZmqServer owns the sockets; every request is answered here.
const { readMessage, writeMessage } = require('./wire.cjs');
const { History } = require('./history.cjs');
const { port } = require('./port.cjs');
const { StreamJoiner } = require('./streams.cjs');

const log = process.stderr.write.bind(process.stderr); // the terminal: while cells run, process.stderr is the notebook

/** Where a cell's output goes; `silent` requests show errors only. */
function outletOf(server, request) {
  const { content, header } = request;
  const publish = (type, what) => server.publish(type, what, header);
  const show = content.silent === true ? () => {} : publish;
  const streams = new StreamJoiner((name, text) => show('stream', { name, text }));
  return {
    streams,
    started: (count) => {
      server.cell = { header, streams };
      show('execute_input', { code: content.code, execution_count: count });
    },
    stream: (name, text) => streams.write(name, text),
    display: (data, update) => {
      streams.flush();
      show(update ? 'update_display_data' : 'display_data', data);
    },
    result: (count, data) => show('execute_result', { execution_count: count, data, metadata: {} }),
    error: (error) => publish('error', error),
  };
}

function createServer(tslabRequire, cells, connectionFile) {
  const { ZmqServer } = tslabRequire('./jupyter');
  const history = new History();

  return new (class KernelServer extends ZmqServer {
    /** Each answer gives the reply's content; nothing for messages that have no reply. */
    answers = {
      kernel_info_request: () => cells.handleKernel(),
      is_complete_request: ({ content }) => cells.handleIsComplete(content),
      inspect_request: ({ content }) => cells.handleInspect(content),
      complete_request: ({ content }) => cells.handleComplete(content),
      execute_request: (request) => this.execute(request),
      history_request: ({ content }) => ({ status: 'ok', history: history.select(content) }),
      comm_info_request: ({ content }) => ({ status: 'ok', comms: port.comms?.info(content.target_name) ?? {} }),
      comm_open: (request) => this.comm(request),
      comm_msg: (request) => this.comm(request),
      comm_close: (request) => this.comm(request),
      interrupt_request: () => {
        process.emit('SIGINT');
        return { status: 'ok' };
      },
      shutdown_request: ({ content }) => {
        setTimeout(() => this.shutdown(), 0);
        return { status: 'ok', restart: content.restart === true };
      },
    };

    /** A request read before the sockets are bound would be lost: answers wait for this. */
    init() {
      this.ready = super.init();
      return this.ready;
    }

    bindSocket(socket, portNumber) {
      socket.sendHighWaterMark = 0; // no limit: by default output beyond 1000 waiting messages is dropped
      // With a timeout, the 513th message of one turn of the event loop waits, and those after it are refused.
      if (socket === this.iopub) socket.sendTimeout = 0;
      return super.bindSocket(socket, portNumber);
    }

    async handleShellMessage(socket, ...frames) {
      await this.ready;
      let request;
      try {
        request = readMessage(this.connInfo.key, frames);
      } catch (error) {
        log(`3ncore kernel: ${error.message} was ignored\n`);
        return;
      }
      this.publish('status', { execution_state: 'busy' }, request.header);
      try {
        const content = await this.answers[request.header.msg_type]?.(request);
        if (content !== undefined) this.reply(socket, request, content);
      } catch (error) {
        log(`3ncore kernel: ${request.header.msg_type}: ${error.stack}\n`);
      } finally {
        this.publish('status', { execution_state: 'idle' }, request.header);
      }
    }

    /** Output of the running, or last, cell. */
    publishForCell(type, content, metadata, buffers) {
      this.cell?.streams.flush();
      this.publish(type, content, this.cell?.header, metadata, buffers);
    }

    publish(type, content, parent, metadata, buffers) {
      const message = { identities: [type], type, parent, content, metadata, buffers };
      void this.iopub.send(writeMessage(this.connInfo.key, message));
    }

    reply(socket, { identities, header }, content) {
      const type = header.msg_type.replace(/_request$/, '_reply');
      void socket.send(writeMessage(this.connInfo.key, { identities, type, parent: header, content }));
    }

    async execute(request) {
      const reply = await cells.execute(request.content, outletOf(this, request));
      if (request.content.silent !== true && request.content.store_history !== false && reply.execution_count)
        history.add(reply.execution_count, request.content.code);
      return reply;
    }

    comm({ header, content, buffers }) {
      if (port.comms) port.comms.handle(header.msg_type, content, buffers);
      else if (header.msg_type === 'comm_open')
        this.publish('comm_close', { comm_id: content.comm_id, data: {} }, header);
    }

    shutdown() {
      this.close();
      setTimeout(() => process.exit(0), 200); // open timers and sockets of cells do not keep the kernel
    }
  })(cells, connectionFile);
}

module.exports = { createServer };
