import { BadInput } from '../host/errors.js';
import { printable } from '../host/text.js';

/** Which hub is asked, and as whom. */
export interface HubSettings {
  /** Without a final slash. */
  readonly endpoint: string;
  /** Never shown, logged or written; hub_request alone sends it, and to the endpoint's origin alone. */
  readonly token: string | undefined;
  readonly offline: boolean;
}

const publicHub = 'https://huggingface.co';

/** Whether nobody can listen on the way to an address: https, or http that stays on this machine. */
export function isPrivate({ protocol, hostname }: URL): boolean {
  const isLoopback = hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
  return protocol === 'https:' || (protocol === 'http:' && isLoopback);
}

/** An address, relative to `base` where one is given; undefined where it is none. */
export function addressOf(text: string, base?: URL): URL | undefined {
  try {
    return new URL(text, base);
  } catch {
    return undefined;
  }
}

function endpointOf(text: string): string {
  const expected = 'an https address, or an http one of this machine';
  const where = 'HF_ENDPOINT';
  const url = addressOf(text);
  if (url === undefined) throw new BadInput({ where, expected, got: 'text that is no address' });
  // A password must not be repeated in a message.
  if (url.username !== '' || url.password !== '') {
    throw new BadInput({ where, expected, got: 'one with a user name or password in it', fix: 'set HF_TOKEN instead' });
  }
  if (!isPrivate(url) || url.search !== '' || url.hash !== '') {
    throw new BadInput({ where, expected, got: printable(text) });
  }
  return (url.origin + url.pathname).replace(/\/+$/, '');
}

function tokenOf(text: string): string {
  if (/^[\x21-\x7e]+$/.test(text)) return text;
  const got = 'one with spaces or other characters in it';
  throw new BadInput({ where: 'HF_TOKEN', expected: 'an access token of the hub', got, fix: 'copy it again' });
}

/**
 * The settings in the variables that the hub's own tools read: `HF_ENDPOINT` (a mirror), `HF_TOKEN`, `HF_HUB_OFFLINE`.
 * @throws BadInput naming the variable; the token is never part of the message.
 */
export function hubSettings(): HubSettings {
  const variable = (name: string): string => (process.env[name] ?? '').trim();
  const token = variable('HF_TOKEN');
  return {
    endpoint: endpointOf(variable('HF_ENDPOINT') || publicHub),
    token: token === '' ? undefined : tokenOf(token),
    offline: ['1', 'ON', 'YES', 'TRUE'].includes(variable('HF_HUB_OFFLINE').toUpperCase()),
  };
}
