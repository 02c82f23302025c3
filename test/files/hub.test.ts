import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import type { ServerResponse } from 'node:http';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { isIntact, openRepository, type HubRepository } from 'gemma-3ncore/files/hub';
import { blobPath, repositoryFolder, snapshotsOf } from 'gemma-3ncore/files/hub_cache';
import { hubSettings } from 'gemma-3ncore/files/hub_settings';
import type { HubAccess } from 'gemma-3ncore/files/hub_request';
import { Interrupted } from 'gemma-3ncore/host/errors';
import { useTemporaryFolder } from '../support/folder.js';
import {
  breakOff,
  commit,
  FakeHub,
  sendFile,
  setEnvironment,
  sha256,
  useEnvironment,
  type Trick,
} from '../support/hub_server.js';

const repository = 'someone/model';
const token = 'hf_secretSECRETsecret';
const folderFor = useTemporaryFolder();
const weights = randomBytes(300_000);
const config = Buffer.from('{"hidden_size": 48}\n');
const name = 'model.safetensors';

useEnvironment({ HF_ENDPOINT: undefined, HF_TOKEN: undefined, HF_HUB_OFFLINE: undefined, HF_HUB_CACHE: undefined });

describe('files/hub', () => {
  let hub: FakeHub;
  let count = 0;

  beforeEach(async () => {
    hub = new FakeHub(
      repository,
      new Map([
        [name, weights],
        ['config.json', config],
      ]),
    );
    const HF_ENDPOINT = await hub.listen();
    setEnvironment({ HF_ENDPOINT, HF_TOKEN: token, HF_HUB_CACHE: folderFor(`cache${count++}`) });
  });
  afterEach(() => setEnvironment({ HF_ENDPOINT: undefined, HF_TOKEN: undefined, HF_HUB_CACHE: undefined }));

  const access = (signal?: AbortSignal): HubAccess => ({
    ...hubSettings(),
    ...{ repository, page: 'https://huggingface.co/someone/model', patienceMs: 1, signal },
  });

  async function open(signal?: AbortSignal): Promise<HubRepository> {
    return openRepository(access(signal), 'main');
  }

  /** Fetches a file; gives its path. */
  async function fetchOne(file = name, signal?: AbortSignal): Promise<string> {
    const opened = await open(signal);
    const known = await opened.describe([file, 'absent.bin']);
    assert.deepEqual([...known.keys()], [file]);
    return opened.fetch(known.get(file)!);
  }

  /** The message of a failing fetch, which never has the token in it. */
  async function sentence(file = name, signal?: AbortSignal): Promise<string> {
    const error = await fetchOne(file, signal).then(
      () => assert.fail('fetched'),
      (thrown: unknown) => thrown as Error,
    );
    assert.equal(error.name, 'BadInput', error.stack);
    assert.ok(!`${error.message}${String(error.cause)}`.includes('SECRET'));
    return error.message;
  }

  /** Applies to the requests for the weights, or to all. */
  const forFiles =
    (trick: Trick): Trick =>
    (request, response, content) =>
      content !== undefined && trick(request, response, content);

  it('lays files out as the hub does: blobs by hash, links in the snapshot, the commit of main', async () => {
    const path = await fetchOne();
    assert.deepEqual(readFileSync(path), weights);
    assert.equal(path, join(repositoryFolder(repository), 'snapshots', commit, name));
    assert.equal(readlinkSync(path), join('..', '..', 'blobs', sha256(weights)));
    assert.equal(readFileSync(join(repositoryFolder(repository), 'refs', 'main'), 'utf8'), commit);
    assert.deepEqual(readFileSync(await fetchOne('config.json')), config);
    assert.deepEqual(snapshotsOf(repository, 'main'), [dirname(path)]);
    assert.ok(repositoryFolder(repository).endsWith('models--someone--model'));
    assert.ok(hub.requests.every(({ authorization }) => authorization === `Bearer ${token}`));
  });

  it('does not fetch again what is there, and replaces what is damaged', async () => {
    const path = await fetchOne();
    await fetchOne();
    assert.equal(hub.downloads.length, 1);
    assert.ok(await isIntact(path));
    truncateSync(blobPath(repository, sha256(weights)), 1000);
    assert.equal(await isIntact(path), false);
    assert.deepEqual(readFileSync(await fetchOne()), weights);
    assert.equal(hub.downloads.length, 2);
  });

  it('goes on where the connection broke', async () => {
    let turns = 0;
    hub.trick = forFiles((request, response, content) => {
      if (++turns > 3) return false;
      breakOff(response, content!, request.range, 70_000);
      return true;
    });
    assert.deepEqual(readFileSync(await fetchOne()), weights);
    const begins = hub.requests.flatMap(({ range }) => (range === undefined ? [] : [Number(range.slice(6, -1))]));
    assert.equal(hub.downloads.length, 4);
    assert.equal(begins.length, 3);
    // What was sent last may be lost with the connection, but never more than a break sends.
    assert.ok(
      begins.every((begin, i) => begin > (begins[i - 1] ?? 0) && begin <= 70_000 * (i + 1)),
      String(begins),
    );
  });

  it('goes on in a later process from what an interrupted one left', async () => {
    const controller = new AbortController();
    hub.trick = forFiles((_request, response, content) => {
      response.writeHead(200, { 'content-length': String(content!.length) });
      response.write(content!.subarray(0, 100_000), () => setTimeout(() => controller.abort(new Interrupted()), 50));
      return true;
    });
    await assert.rejects(fetchOne(name, controller.signal), Interrupted);
    assert.deepEqual(readdirSync(join(repositoryFolder(repository), 'blobs')), [`${sha256(weights)}.incomplete`]);
    hub.trick = () => false;
    assert.deepEqual(readFileSync(await fetchOne()), weights);
    assert.match(hub.requests.at(-1)?.range ?? '', /^bytes=[1-9]\d+-$/);
  });

  it('begins anew where a server knows no ranges, or what was left is wrong', async () => {
    const left = `${blobPath(repository, sha256(weights))}.incomplete`;
    mkdirSync(dirname(left), { recursive: true });
    writeFileSync(left, weights.subarray(0, 5000));
    hub.trick = forFiles((_request, response, content) => {
      sendFile(response, content!, undefined);
      return true;
    });
    assert.deepEqual(readFileSync(await fetchOne()), weights);

    hub.trick = () => false;
    for (const wrong of [randomBytes(5000), randomBytes(weights.length), randomBytes(weights.length + 1)]) {
      truncateSync(blobPath(repository, sha256(weights)), 1);
      writeFileSync(left, wrong);
      assert.deepEqual(readFileSync(await fetchOne()), weights);
    }
  });

  it('refuses wrong bytes, and leaves nothing of them', async () => {
    const wrong = Buffer.from(weights);
    wrong[12345]! ^= 1;
    const longer = Buffer.concat([weights.subarray(0, -1), randomBytes(50)]);
    for (const content of [wrong, longer]) {
      hub.trick = forFiles((request, response) => {
        sendFile(response, content, request.range);
        return true;
      });
      const expected = /model\.safetensors: expected content with the hash \w{64} from .*, got \w{64}; .*thrown away/;
      assert.match(await sentence(), expected);
      assert.deepEqual(readdirSync(join(repositoryFolder(repository), 'blobs')), []);
    }
    const small = await sentence('config.json');
    assert.match(small, /config\.json: expected content with the hash \w{40}/);
  });

  it('gives up on a file that ends too early every time', async () => {
    hub.trick = forFiles((request, response, content) => {
      sendFile(response, content!.subarray(0, 200_000), request.range);
      return true;
    });
    assert.match(await sentence(), /expected 300000 bytes from .*, got 200000, then .*; run it again to go on/);
  });

  it('says what to do about a refusal', async () => {
    const refuse = (status: number, headers: Record<string, string> = {}): Promise<string> => {
      hub.trick = (_request, response) => {
        response.writeHead(status, headers).end('{"error": "no"}');
        return true;
      };
      return sentence();
    };
    const page = /https:\/\/huggingface\.co\/someone\/model/;
    const unauthorized = await refuse(401);
    assert.match(
      unauthorized,
      /someone\/model, the repository: expected access from .*got 401 .* the token in HF_TOKEN/,
    );
    assert.match(unauthorized, page);
    const forbidden = await refuse(403);
    assert.match(forbidden, /got 403 \(forbidden\); ask for access on https:/);
    assert.match(forbidden, page);
    assert.match(await refuse(404), /got 404 \(not found\); see whether .* check HF_ENDPOINT/);
    assert.match(await refuse(429, { 'retry-after': '900' }), /got 429 \(too many requests\); try again in 15 min/);
    assert.equal(hub.requests.length, 4);
    assert.match(await refuse(503), /got status 503; try again later/);
    setEnvironment({ HF_TOKEN: undefined });
    assert.match(await refuse(401), /for a request without a token; accept the terms on .* set HF_TOKEN/);
  });

  it('tells refusals of a single file alike', async () => {
    hub.trick = forFiles((_request, response) => {
      response.writeHead(403, { 'x-error-code': 'GatedRepo' }).end();
      return true;
    });
    assert.match(await sentence(), /someone\/model, model\.safetensors: expected access .*got 403/);
  });

  it('waits as Retry-After says, and repeats what may pass', async () => {
    const answers = [429, 503, 500];
    hub.trick = forFiles((_request, response) => {
      const status = answers.shift();
      if (status === undefined) return false;
      response.writeHead(status, status === 429 ? { 'retry-after': '1' } : {}).end();
      return true;
    });
    const begun = Date.now();
    assert.deepEqual(readFileSync(await fetchOne()), weights);
    assert.ok(Date.now() - begun >= 990);
    assert.equal(hub.downloads.length, 4);
  });

  it('follows redirects on the same host with the token, and to another without it', async () => {
    const elsewhere = new FakeHub(repository, new Map([[name, weights]]));
    await elsewhere.listen();
    elsewhere.trick = (request, response) => {
      sendFile(response, weights, request.range);
      return true;
    };
    hub.trick = (request, response, content) => {
      if (request.path === '/moved') return sendTo(response, `${elsewhere.address}/blob?signature=x`);
      return content !== undefined && sendTo(response, '/moved');
    };
    assert.deepEqual(readFileSync(await fetchOne()), weights);
    assert.equal(hub.requests.at(-1)?.path, '/moved');
    assert.ok(hub.requests.every(({ authorization }) => authorization === `Bearer ${token}`));
    assert.deepEqual(elsewhere.requests, [
      { method: 'GET', path: '/blob?signature=x', authorization: undefined, range: undefined },
    ]);
  });

  it('does not take the token up again when a redirect leads back', async () => {
    const elsewhere = new FakeHub(repository, new Map());
    await elsewhere.listen();
    elsewhere.trick = (_request, response) => sendTo(response, `${hub.address}/back`);
    hub.trick = (request, response, content) => {
      if (request.path === '/back') {
        sendFile(response, weights, request.range);
        return true;
      }
      return content !== undefined && sendTo(response, elsewhere.address);
    };
    assert.deepEqual(readFileSync(await fetchOne()), weights);
    assert.equal(hub.requests.at(-1)?.authorization, undefined);
    assert.equal(elsewhere.requests[0]?.authorization, undefined);
  });

  it('refuses a loop of redirects and one to an open http address', async () => {
    hub.trick = forFiles((request, response) => sendTo(response, request.path));
    assert.match(await sentence(), /expected at most 10 redirects from .*, got more, which is perhaps a loop/);
    hub.trick = forFiles((_request, response) => sendTo(response, 'http://example.com/model?signature=x'));
    const open = await sentence();
    assert.match(open, /expected a redirect to an https address, got one to http:\/\/example\.com/);
    assert.ok(!open.includes('signature'));
  });

  it('says so when the hub is not there or speaks otherwise', async () => {
    hub.trick = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>');
      return true;
    };
    assert.match(await sentence(), /someone\/model, the repository: expected the hub's answer from .*JSON/);
    hub.trick = (request, response) => {
      if (!request.path.startsWith('/api/') || request.method !== 'GET') return false;
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"sha": "../../x"}');
      return true;
    };
    assert.match(await sentence(), /expected a commit from .*, got "\.\.\/\.\.\/x"/);
    hub.close();
    const absent = /expected an answer from http:\/\/127\.0\.0\.1:\d+, got ECONNREFUSED; check the network/;
    assert.match(await sentence(), absent);
  });

  it('says so when the cache cannot be written or the disk is full', async () => {
    const file = join(folderFor('blocked'), 'file');
    writeFileSync(file, '');
    setEnvironment({ HF_HUB_CACHE: join(file, 'cache') });
    assert.match(await sentence(), /expected a cache folder that can be written \(HF_HUB_CACHE\), got a path through/);

    setEnvironment({ HF_HUB_CACHE: folderFor('full') });
    const blob = blobPath(repository, sha256(weights));
    mkdirSync(dirname(blob), { recursive: true });
    symlinkSync('/dev/full', `${blob}.incomplete`);
    assert.match(await sentence(), /incomplete: expected a place to write to, got a full disk/);
    assert.ok(!existsSync(blob));
  });

  it('reads its variables with care', () => {
    const refused = (values: Record<string, string>): string => {
      setEnvironment({ HF_ENDPOINT: undefined, HF_TOKEN: undefined, ...values });
      try {
        hubSettings();
      } catch (error) {
        return (error as Error).message;
      }
      return 'accepted';
    };
    assert.match(
      refused({ HF_ENDPOINT: 'http://hub.example.com' }),
      /HF_ENDPOINT: expected an https address.*hub\.example/,
    );
    assert.match(refused({ HF_ENDPOINT: 'nonsense' }), /HF_ENDPOINT: expected an https address/);
    const withPassword = refused({ HF_ENDPOINT: 'https://me:SECRET@hub.example.com' });
    assert.match(withPassword, /got one with a user name or password/);
    const badToken = refused({ HF_TOKEN: 'hf_SECRET token' });
    assert.match(badToken, /HF_TOKEN: expected an access token/);
    assert.ok(!`${withPassword}${badToken}`.includes('SECRET'));
    assert.equal(refused({ HF_ENDPOINT: 'https://hub.example.com/', HF_TOKEN: ` ${token}\n` }), 'accepted');
    assert.deepEqual(hubSettings(), { endpoint: 'https://hub.example.com', token, offline: false });
    assert.equal(refused({ HF_ENDPOINT: 'http://[::1]:8080' }), 'accepted');
    assert.equal(refused({}), 'accepted');
    assert.equal(hubSettings().endpoint, 'https://huggingface.co');
  });
});

/** Redirects; as a trick it says that the request is answered. */
function sendTo(response: ServerResponse, location: string): boolean {
  response.writeHead(302, { location }).end();
  return true;
}
