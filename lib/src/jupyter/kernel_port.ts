export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

/** The messages of a comm, Jupyter's channel between a front end's object and one in the kernel. */
export type CommMessageType = 'comm_open' | 'comm_msg' | 'comm_close';

/** Content of a comm message; `target_name` only in `comm_open`. */
export interface CommContent {
  readonly comm_id: string;
  readonly target_name?: string;
  readonly data?: JsonObject;
}

/** Who receives the front end's comm messages. */
export interface CommReceiver {
  handle(type: CommMessageType, content: CommContent): void;
  /** Open comms by id, of one target or of all: the content of `comm_info_reply`. */
  info(target?: string): Record<string, { target_name: string }>;
}

/** What a kernel offers to the code of its cells (kernels/3ncore/port.cjs; on a plain tslab it is patched in). */
export interface KernelPort {
  /** Sends a message (`display_data`, `comm_open` …) as output of the running, or last, cell. */
  publish(type: string, content: object, metadata?: object): void;
  comms: CommReceiver | undefined;
  /** Stands for the running, or last, cell: another value for each. */
  readonly cell: unknown;
}
