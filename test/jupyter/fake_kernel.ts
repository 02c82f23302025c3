import { afterEach, beforeEach } from 'node:test';
import { portKey } from 'gemma-3ncore/jupyter/kernel';
import type { CommReceiver, JsonObject, KernelPort } from 'gemma-3ncore/jupyter/kernel_port';

export interface Sent {
  readonly type: string;
  readonly content: { readonly comm_id?: string; readonly data: JsonObject; readonly transient?: JsonObject };
  readonly metadata: object | undefined;
}

/** A kernel's port that records what is sent, and lets a test speak as the front end. */
export class FakeKernel implements KernelPort {
  readonly sent: Sent[] = [];
  comms: CommReceiver | undefined;
  cell: unknown = 1;

  publish(type: string, content: object, metadata?: object): void {
    this.sent.push({ type, content: content as Sent['content'], metadata });
  }

  ofType(type: string): Sent[] {
    return this.sent.filter((message) => message.type === type);
  }

  /** The front end changes a widget's state. */
  update(widgetId: string, state: JsonObject): void {
    this.comms?.handle('comm_msg', { comm_id: widgetId, data: { method: 'update', state, buffer_paths: [] } });
  }
}

/** Each test of the file runs inside a fresh fake kernel. */
export function useFakeKernel(): { readonly kernel: FakeKernel } {
  const holder = { kernel: new FakeKernel() };
  const scope = globalThis as { [portKey]?: KernelPort };
  beforeEach(() => {
    holder.kernel = new FakeKernel();
    scope[portKey] = holder.kernel;
  });
  afterEach(() => {
    delete scope[portKey];
  });
  return holder;
}
