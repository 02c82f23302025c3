import { setTimeout as delay } from 'node:timers/promises';
import { formatSeconds } from '../host/clock.js';
import { BadInput, messageOf } from '../host/errors.js';
import { printable } from '../host/text.js';
import { addressOf, isPrivate, type HubSettings } from './hub_settings.js';

/** Whom a request asks for what. */
export interface HubAccess extends HubSettings {
  /** For messages: the repository. */
  readonly repository: string;
  /** Where the terms are accepted and access is asked for. */
  readonly page: string;
  /** The first wait before a request is repeated, ms; it doubles. */
  readonly patienceMs: number;
  readonly signal?: AbortSignal | undefined;
}

const mostRedirects = 10;
const mostAttempts = 4;
/** Longest wait that a server may ask for; beyond it the user is told. */
const longestWaitSeconds = 120;

const redirects = new Set([301, 302, 303, 307, 308]);
const passing = new Set([408, 429, 500, 502, 503, 504]);

/** What the network reported, e.g. `ECONNREFUSED`. */
export function networkFault(error: unknown): string {
  const cause = (error as { cause?: unknown }).cause ?? error;
  const code = (cause as { code?: unknown }).code;
  return printable(typeof code === 'string' ? code : messageOf(cause));
}

/** The seconds of a Retry-After header, which gives seconds or a date. */
function retryAfter(response: Response): number | undefined {
  const text = response.headers.get('retry-after');
  if (text === null) return undefined;
  const seconds = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined;
}

function nextAddress(access: HubAccess, what: string, from: URL, location: string): URL {
  const next = addressOf(location, from);
  // A hub elsewhere has no business with servers of this machine.
  const isAllowed = access.endpoint.startsWith('http:') ? isPrivate : (url: URL) => url.protocol === 'https:';
  if (next !== undefined && isAllowed(next)) return next;
  // Only the host is shown: what follows may be a signature.
  const got = next === undefined ? 'one to no address' : `one to ${printable(next.protocol)}//${printable(next.host)}`;
  const where = `${access.repository}, ${what}`;
  throw new BadInput({ where, expected: 'a redirect to an https address', got, fix: 'check HF_ENDPOINT' });
}

/**
 * One request with its redirects. They are followed here so that the token goes to the endpoint's origin alone, and no
 * more once a redirect has left it.
 */
async function follow(access: HubAccess, what: string, address: string, init: RequestInit): Promise<Response> {
  const home = new URL(access.endpoint).origin;
  let url = new URL(address);
  let trusted = true;
  for (let hop = 0; hop <= mostRedirects; hop++) {
    trusted &&= url.origin === home;
    const headers = new Headers(init.headers);
    headers.delete('authorization');
    if (trusted && access.token !== undefined) headers.set('authorization', `Bearer ${access.token}`);
    const response = await fetch(url, { ...init, headers, redirect: 'manual' });
    const location = response.headers.get('location');
    if (!redirects.has(response.status) || location === null) return response;
    await response.body?.cancel();
    url = nextAddress(access, what, url, location);
  }
  throw new BadInput({
    where: `${access.repository}, ${what}`,
    expected: `at most ${mostRedirects} redirects from ${access.endpoint}`,
    got: 'more, which is perhaps a loop',
    fix: 'check HF_ENDPOINT',
  });
}

/** A refused request as the sentence that says what to do about it. */
function refusal(access: HubAccess, what: string, response: Response): BadInput {
  const { repository, page, endpoint, token } = access;
  const details = (expected: string, got: string, fix: string): BadInput =>
    new BadInput({ where: `${repository}, ${what}`, expected: `${expected} from ${endpoint}`, got, fix });
  switch (response.status) {
    case 401: {
      const who = token === undefined ? 'for a request without a token' : 'for the token in HF_TOKEN';
      const fix = `accept the terms on ${page} and set HF_TOKEN to a token of that account`;
      return details('access', `401 (unauthorized) ${who}`, fix);
    }
    case 403:
      return details(
        'access',
        '403 (forbidden)',
        `ask for access on ${page} with the account that HF_TOKEN belongs to`,
      );
    case 404:
      return details('an answer', '404 (not found)', `see whether ${page} still has it, and check HF_ENDPOINT`);
    case 429: {
      const seconds = retryAfter(response);
      const when = seconds === undefined ? 'later' : `in ${formatSeconds(seconds)}`;
      return details('an answer', '429 (too many requests)', `try again ${when}`);
    }
    default:
      return details('an answer', `status ${response.status}`, 'try again later');
  }
}

async function attempt(
  access: HubAccess,
  what: string,
  address: string,
  init: RequestInit,
): Promise<Response | string> {
  try {
    return await follow(access, what, address, init);
  } catch (error) {
    init.signal?.throwIfAborted();
    if (error instanceof BadInput) throw error;
    return networkFault(error);
  }
}

/**
 * A request to the hub: repeated a few times where the fault may pass (429 as Retry-After says, 5xx, a broken connection).
 * The answer's status is below 400 or 416 (nothing left of a range). `what` names the thing asked for in messages.
 * @throws BadInput for any other status, a redirect loop, or a hub that cannot be reached.
 */
export async function hubRequest(
  access: HubAccess,
  what: string,
  address: string,
  init: RequestInit = {},
): Promise<Response> {
  const signal = init.signal ?? access.signal ?? null;
  for (let turn = 1; ; turn++) {
    const answer = await attempt(access, what, address, { ...init, signal });
    if (typeof answer !== 'string' && (answer.status < 400 || answer.status === 416)) return answer;
    const asked = typeof answer === 'string' ? undefined : retryAfter(answer);
    const isPassing = typeof answer === 'string' || passing.has(answer.status);
    if (typeof answer !== 'string') await answer.body?.cancel();
    if (!isPassing || turn === mostAttempts || (asked ?? 0) > longestWaitSeconds) {
      if (typeof answer !== 'string') throw refusal(access, what, answer);
      const where = `${access.repository}, ${what}`;
      const fix = 'check the network, set HF_ENDPOINT to a mirror, or HF_HUB_OFFLINE=1 to use what is in the cache';
      throw new BadInput({ where, expected: `an answer from ${access.endpoint}`, got: answer, fix });
    }
    await wait(asked === undefined ? access.patienceMs * 2 ** (turn - 1) : asked * 1000, signal);
  }
}

/** Waits, or throws the signal's reason. */
export async function wait(milliseconds: number, signal: AbortSignal | null | undefined): Promise<void> {
  await delay(milliseconds, undefined, signal ? { signal } : {}).catch(() => undefined);
  signal?.throwIfAborted();
}
