import { randomUUID } from 'node:crypto';
import { kernelPort } from './kernel.js';
import type { CommContent, CommMessageType, CommReceiver, JsonObject, KernelPort } from './kernel_port.js';

/** One open channel to an object of the front end. */
export class Comm {
  /** Called with the data of each message from the front end. */
  onMessage: (data: JsonObject) => void = () => undefined;

  constructor(
    private readonly comms: Comms,
    readonly id: string,
    readonly target: string,
  ) {}

  send(data: JsonObject): void {
    this.comms.port.publish('comm_msg', { comm_id: this.id, data });
  }

  close(): void {
    this.comms.port.publish('comm_close', { comm_id: this.id, data: {} });
    this.comms.forget(this);
  }
}

/** The open comms of a kernel (Jupyter messaging protocol, "Custom Messages"). */
export class Comms implements CommReceiver {
  private readonly byId = new Map<string, Comm>();
  private readonly targets = new Map<string, (comm: Comm) => void>();

  constructor(readonly port: KernelPort) {
    port.comms = this;
  }

  /** Opens a comm from this side; the front end looks `target` up among the targets it has registered. */
  open(target: string, data: JsonObject, metadata: JsonObject = {}, id: string = randomUUID()): Comm {
    const comm = new Comm(this, id, target);
    this.byId.set(id, comm);
    this.port.publish('comm_open', { comm_id: id, target_name: target, data }, metadata);
    return comm;
  }

  /** Accepts comms that the front end opens for `target`. */
  accept(target: string, opened: (comm: Comm) => void): void {
    this.targets.set(target, opened);
  }

  forget(comm: Comm): void {
    this.byId.delete(comm.id);
  }

  info(target?: string): Record<string, { target_name: string }> {
    const comms = [...this.byId.values()].filter((comm) => !target || comm.target === target);
    return Object.fromEntries(comms.map((comm) => [comm.id, { target_name: comm.target }]));
  }

  handle(type: CommMessageType, content: CommContent): void {
    if (type === 'comm_open') this.opened(content);
    else if (type === 'comm_close') this.byId.delete(content.comm_id);
    else this.byId.get(content.comm_id)?.onMessage(content.data ?? {});
  }

  private opened({ comm_id, target_name = '' }: CommContent): void {
    const comm = new Comm(this, comm_id, target_name);
    const accept = this.targets.get(target_name);
    if (accept === undefined) {
      comm.close();
      return;
    }
    this.byId.set(comm_id, comm);
    accept(comm);
  }
}

let shared: Comms | undefined;

/** The comms of the kernel in which this code runs; undefined in a program. */
export function kernelComms(): Comms | undefined {
  const port = kernelPort();
  if (port === undefined) return undefined;
  if (shared?.port !== port) shared = new Comms(port);
  return shared;
}
