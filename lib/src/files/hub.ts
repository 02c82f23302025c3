import { existsSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { modelInfo, pathsInfo } from '@huggingface/hub';
import { BadInput, messageOf } from '../host/errors.js';
import { printable } from '../host/text.js';
import {
  blobHash,
  blobPath,
  hasHash,
  linkBlob,
  snapshotFolder,
  startByteProgress,
  writeReference,
} from './hub_cache.js';
import { downloadBlob, type RemoteFile } from './hub_download.js';
import { hubRequest, type HubAccess } from './hub_request.js';

/** A repository at one commit. */
export interface HubRepository {
  readonly commit: string;
  /** The folder in the cache where its files appear. */
  readonly folder: string;
  /** What the hub has of the named files: their sizes and hashes. */
  describe(names: readonly string[]): Promise<ReadonlyMap<string, RemoteFile>>;
  /** Brings a file into the cache unless it is there already. @returns its path in the snapshot. */
  fetch(file: RemoteFile): Promise<string>;
}

/** Anything that the package finds wrong in an answer; refusals are told by hub_request. */
async function asked<T>(access: HubAccess, what: string, question: () => Promise<T>): Promise<T> {
  try {
    return await question();
  } catch (error) {
    access.signal?.throwIfAborted();
    if (error instanceof BadInput) throw error;
    const where = `${access.repository}, ${what}`;
    const got = printable(messageOf(error));
    const fix = 'check HF_ENDPOINT';
    throw new BadInput({ where, expected: `the hub's answer from ${access.endpoint}`, got, fix }, { cause: error });
  }
}

/** What the hub says of a file, checked: names and hashes become paths in the cache. */
function remoteFile(access: HubAccess, name: string, size: unknown, hash: unknown): RemoteFile {
  const isHash = typeof hash === 'string' && /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(hash);
  if (isHash && typeof size === 'number' && Number.isSafeInteger(size) && size >= 0) return { name, size, hash };
  throw new BadInput({
    where: `${access.repository}, ${name}`,
    expected: `a size and a hash from ${access.endpoint}`,
    got: printable(`${JSON.stringify(size)} and ${JSON.stringify(hash)}`),
  });
}

/** The package's requests, through hub_request: the token is added there, and never handed to the package. */
function fetchOf(access: HubAccess, what: string): typeof fetch {
  return (input, init) => hubRequest(access, what, input instanceof Request ? input.url : String(input), init);
}

/**
 * Whether a file of a snapshot is what its blob's name says, which is its hash; a file that is no link to a blob is taken
 * as it is. Reads the whole file.
 */
export async function isIntact(path: string, signal?: AbortSignal): Promise<boolean> {
  const hash = blobHash(path);
  if (hash === undefined) return true;
  const progress = startByteProgress(`checking ${basename(path)}`, statSync(path).size);
  try {
    return await hasHash(path, hash, progress.advance, signal);
  } finally {
    progress.end();
  }
}

/**
 * Asks the hub which commit a revision is, and notes it in the cache.
 * @throws BadInput when the hub cannot be reached, refuses, or does not know the repository.
 */
export async function openRepository(access: HubAccess, revision: string): Promise<HubRepository> {
  const { repository, endpoint: hubUrl } = access;
  const { sha } = await asked(access, 'the repository', () =>
    modelInfo({
      ...{ name: repository, revision, hubUrl, additionalFields: ['sha'] },
      fetch: fetchOf(access, 'the repository'),
    }),
  );
  const commit: unknown = sha;
  if (typeof commit !== 'string' || !/^[0-9a-f]{40}$/.test(commit)) {
    const got = printable(JSON.stringify(commit) ?? 'nothing');
    throw new BadInput({ where: repository, expected: `a commit from ${hubUrl}`, got, fix: 'check HF_ENDPOINT' });
  }
  const folder = snapshotFolder(repository, commit);

  const describe = async (names: readonly string[]): Promise<ReadonlyMap<string, RemoteFile>> => {
    const what = 'the list of files';
    const found = await asked(access, what, () =>
      pathsInfo({
        ...{ repo: { type: 'model', name: repository }, paths: [...names], revision: commit, hubUrl },
        fetch: fetchOf(access, what),
      }),
    );
    const files = found.filter(({ path, type }) => type === 'file' && names.includes(path));
    return new Map(
      files.map(({ path, size, lfs, oid }) => [path, remoteFile(access, path, lfs?.size ?? size, lfs?.oid ?? oid)]),
    );
  };

  const fetchFile = async (file: RemoteFile): Promise<string> => {
    const [blob, path] = [blobPath(repository, file.hash), join(folder, file.name)];
    if (existsSync(blob) && !(await isIntact(blob, access.signal))) await rm(blob);
    if (!existsSync(blob)) {
      await downloadBlob(access, `${hubUrl}/${repository}/resolve/${commit}/${file.name}`, file, blob);
    }
    await linkBlob(blob, path);
    return path;
  };

  await writeReference(repository, revision, commit);
  return { commit, folder, describe, fetch: fetchFile };
}
