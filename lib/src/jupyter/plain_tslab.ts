import { createHmac, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { CommContent, CommMessageType, CommReceiver, KernelPort } from './kernel_port.js';

interface Header {
  readonly msg_type: string;
  readonly session: string;
  readonly username: string;
}
type Frame = Buffer | string;
interface Socket {
  send(frames: readonly Frame[]): Promise<void>;
}
interface Message {
  header: { msg_type: string };
  content: object;
  createReply(): Message;
  signAndSend(key: string, socket: Socket): void;
}
interface Server {
  readonly connInfo: { readonly key: string };
  handleShellMessage(socket: Socket, ...frames: Buffer[]): Promise<void>;
  handleExecute(socket: Socket, message: Message): Promise<void>;
  handleCommInfoRequest(socket: Socket, message: Message): void;
}
type DisplayWriter = (content: object, update: boolean) => void;
interface TslabJupyter {
  readonly lastWriteDisplayData: DisplayWriter | null;
  readonly ZmqServer: { readonly prototype: Server };
}

const delimiter = Buffer.from('<IDS|MSG>');
const commTypes: readonly string[] = ['comm_open', 'comm_msg', 'comm_close'];

/** The four JSON parts (header, parent header, metadata, content) of a message's frames. */
function partsOf(frames: readonly Frame[]): readonly Frame[] {
  return frames.slice(frames.findIndex((frame) => delimiter.equals(Buffer.from(frame))) + 2);
}

/** The signing key, from the connection file that Jupyter named on the command line (`--config-path FILE` or `=FILE`). */
function signingKey(): string {
  const at = process.argv.findIndex((argument) => argument.startsWith('--config-path'));
  const argument = process.argv[at] ?? '';
  const file = argument.includes('=') ? argument.slice(argument.indexOf('=') + 1) : (process.argv[at + 1] ?? '');
  return (JSON.parse(readFileSync(file, 'utf8')) as { key: string }).key;
}

/**
 * tslab hands out neither its output socket nor the running cell's header: both pass through the socket's `send`,
 * which is replaced while one empty text is printed.
 */
function captureOutput(publisher: object): { socket: Socket; parent: object; session: string } {
  let captured: { socket: Socket; parent: object; session: string } | undefined;
  const send = function (this: Socket, frames: readonly Frame[]): Promise<void> {
    const [header, parent] = partsOf(frames).map((part) => JSON.parse(part.toString()) as object);
    captured = { socket: this, parent: parent ?? {}, session: (header as Header).session };
    return Promise.resolve();
  };
  const original = Object.getOwnPropertyDescriptor(publisher, 'send'); // none when send is inherited
  Object.defineProperty(publisher, 'send', { value: send, configurable: true });
  try {
    process.stdout.write('');
  } finally {
    if (original === undefined) Reflect.deleteProperty(publisher, 'send');
    else Object.defineProperty(publisher, 'send', original);
  }
  if (captured === undefined) throw new Error("tslab's output socket was not found");
  return captured;
}

/** The running tslab kernel with comms patched into its server, which has none. */
class PatchedServer {
  receiver: CommReceiver | undefined;
  private readonly key = signingKey();
  private readonly socket: Socket;
  private readonly session: string;
  private parent: object;

  constructor(jupyter: TslabJupyter, publisher: object) {
    ({ socket: this.socket, parent: this.parent, session: this.session } = captureOutput(publisher));
    this.patch(jupyter.ZmqServer.prototype);
  }

  publish(type: string, content: object, metadata: object = {}, parent = this.parent): void {
    const header = {
      version: '5.3',
      date: new Date().toISOString(),
      session: this.session,
      username: 'kernel',
      msg_type: type,
      msg_id: randomUUID(),
    };
    const parts = [header, parent, metadata, content].map((part) => JSON.stringify(part));
    const hmac = createHmac('sha256', this.key);
    for (const part of parts) hmac.update(part);
    void this.socket.send([type, delimiter, hmac.digest('hex'), ...parts]);
  }

  private patch(server: Server): void {
    const { handleExecute, handleShellMessage } = server;
    const remember = (parent: object): void => {
      this.parent = parent;
    };
    const info = (target?: string): object => this.receiver?.info(target) ?? {};
    const receive = (frames: readonly Buffer[]): boolean => this.receive(frames);
    server.handleExecute = function (socket, message) {
      remember(message.header);
      return handleExecute.call(this, socket, message);
    };
    server.handleCommInfoRequest = function (socket, message) {
      const reply = message.createReply();
      reply.header.msg_type = 'comm_info_reply';
      reply.content = { status: 'ok', comms: info((message.content as { target_name?: string }).target_name) };
      reply.signAndSend(this.connInfo.key, socket);
    };
    server.handleShellMessage = async function (socket, ...frames) {
      if (!receive(frames)) await handleShellMessage.call(this, socket, ...frames);
    };
  }

  /** Takes a comm message; false for the messages that tslab knows itself. */
  private receive(frames: readonly Buffer[]): boolean {
    const [header, , , content] = partsOf(frames).map((part) => part.toString());
    const request = JSON.parse(header ?? '{}') as Header;
    if (!commTypes.includes(request.msg_type)) return false;
    this.publish('status', { execution_state: 'busy' }, {}, request);
    try {
      this.receiver?.handle(request.msg_type as CommMessageType, JSON.parse(content ?? '{}') as CommContent);
    } catch (error) {
      console.error(error);
    } finally {
      this.publish('status', { execution_state: 'idle' }, {}, request);
    }
    return true;
  }
}

/** Displays go through tslab's own writer; the server is patched when the first comm is needed. */
class TslabPort implements KernelPort {
  private patched: PatchedServer | undefined;

  constructor(private readonly path: string) {}

  private get jupyter(): TslabJupyter {
    return createRequire(this.path)(this.path) as TslabJupyter;
  }

  /** True once a cell runs; a program that merely has tslab loaded is no kernel. */
  get live(): boolean {
    return this.jupyter.lastWriteDisplayData !== null;
  }

  private server(): PatchedServer {
    const zeromq = createRequire(this.path)('zeromq') as { Publisher: { prototype: object } };
    return (this.patched ??= new PatchedServer(this.jupyter, zeromq.Publisher.prototype));
  }

  publish(type: string, content: object, metadata?: object): void {
    if (type === 'display_data') this.jupyter.lastWriteDisplayData?.(content, false);
    else if (type === 'update_display_data') this.jupyter.lastWriteDisplayData?.(content, true);
    else this.server().publish(type, content, metadata);
  }

  /** tslab makes a writer for each cell. */
  get cell(): unknown {
    return this.jupyter.lastWriteDisplayData;
  }

  get comms(): CommReceiver | undefined {
    return this.patched?.receiver;
  }

  set comms(receiver: CommReceiver | undefined) {
    this.server().receiver = receiver;
  }
}

let port: TslabPort | undefined;

/** The port of a plain tslab kernel (1.0.x) when this code was imported by one of its cells; else undefined. */
export function plainTslabPort(): KernelPort | undefined {
  if (port === undefined) {
    const path = Object.keys(require.cache).find((file) => file.endsWith(join('tslab', 'dist', 'jupyter.js')));
    if (path !== undefined) port = new TslabPort(path);
  }
  return port?.live === true ? port : undefined;
}
