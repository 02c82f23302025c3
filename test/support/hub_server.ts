import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after } from 'node:test';

/** The commit of every fake repository. */
export const commit = '0123456789abcdef0123456789abcdef01234567';

export interface Request {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly authorization: string | undefined;
  readonly range: string | undefined;
}

/** Answers a request itself, or leaves it to the hub by returning false. */
export type Trick = (request: Request, response: ServerResponse, content: Buffer | undefined) => boolean;

/** A hub on this machine with one repository; it speaks as much of the hub's protocol as a download needs. */
export class FakeHub {
  readonly requests: Request[] = [];
  trick: Trick = () => false;
  private server: Server | undefined;

  constructor(
    readonly repository: string,
    readonly files: Map<string, Buffer>,
  ) {}

  /** Starts to listen, which does not keep the process alive. @returns its address. */
  async listen(): Promise<string> {
    const server = createServer((incoming, response) => void this.answer(incoming, response));
    this.server = server;
    server.on('connection', (socket) => socket.unref());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    server.unref();
    return this.address;
  }

  close(): void {
    this.server?.closeAllConnections();
    this.server?.close();
  }

  get address(): string {
    return `http://127.0.0.1:${(this.server?.address() as AddressInfo).port}`;
  }

  /** The paths of the requests for files. */
  get downloads(): string[] {
    const prefix = `/${this.repository}/resolve/${commit}/`;
    return this.requests.filter(({ path }) => path.startsWith(prefix)).map(({ path }) => path.slice(prefix.length));
  }

  private async answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = incoming;
    const request = { method, path: url, authorization: headers.authorization, range: headers.range };
    this.requests.push(request);
    const body: Buffer[] = [];
    for await (const chunk of incoming) body.push(chunk as Buffer);
    const api = `/api/models/${this.repository}`;
    const name = new RegExp(`^/${this.repository}/resolve/${commit}/([^?]+)`).exec(url)?.[1] ?? '';
    const content = this.files.get(name);
    if (this.trick(request, response, content)) return;
    if (url.startsWith(`${api}/revision/main`)) sendJson(response, { _id: 'x', id: this.repository, sha: commit });
    else if (url === `${api}/paths-info/${commit}` && method === 'POST') {
      const { paths } = JSON.parse(Buffer.concat(body).toString('utf8')) as { paths: string[] };
      sendJson(
        response,
        paths.flatMap((path) => this.describe(path)),
      );
    } else if (content !== undefined) sendFile(response, content, request.range);
    else response.writeHead(404, { 'x-error-code': 'EntryNotFound' }).end();
  }

  private describe(path: string): object[] {
    const content = this.files.get(path);
    if (content === undefined) return [];
    const size = content.length;
    const oid = createHash('sha1').update(`blob ${size}\0`).update(content).digest('hex');
    const file = { type: 'file', path, size, oid };
    return [path.endsWith('.safetensors') ? { ...file, lfs: { oid: sha256(content), size, pointerSize: 134 } } : file];
  }
}

export function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

/** A whole file, or the part from a range's begin on. */
export function sendFile(response: ServerResponse, content: Buffer, range: string | undefined): void {
  const begin = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
  const part = content.subarray(begin);
  const headers: Record<string, string> = { 'content-length': String(part.length) };
  if (range !== undefined) headers['content-range'] = `bytes ${begin}-${content.length - 1}/${content.length}`;
  response.writeHead(range === undefined ? 200 : 206, headers).end(part);
}

/** Sends the first bytes of a file from a range's begin on, and breaks off. */
export function breakOff(response: ServerResponse, content: Buffer, range: string | undefined, bytes: number): void {
  const begin = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
  const headers: Record<string, string> = { 'content-length': String(content.length - begin) };
  if (range !== undefined) headers['content-range'] = `bytes ${begin}-${content.length - 1}/${content.length}`;
  response.writeHead(range === undefined ? 200 : 206, headers);
  response.write(content.subarray(begin, begin + bytes), () => setTimeout(() => response.destroy(), 20));
}

/** Sets environment variables until the tests of a file have ended. */
export function useEnvironment(values: Readonly<Record<string, string | undefined>>): void {
  const former = Object.fromEntries(Object.keys(values).map((name) => [name, process.env[name]]));
  setEnvironment(values);
  after(() => setEnvironment(former));
}

export function setEnvironment(values: Readonly<Record<string, string | undefined>>): void {
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
}
