import assert from 'node:assert/strict';
import { decode } from 'jpeg-js';

/** The red channel of RGBA, after asserting that the others equal it. */
export function greyOf(rgba: Uint8Array): Uint8Array {
  return Uint8Array.from({ length: rgba.length / 4 }, (_, i) => {
    assert.ok(rgba[4 * i] === rgba[4 * i + 1] && rgba[4 * i] === rgba[4 * i + 2], `pixel ${i} is coloured`);
    return rgba[4 * i] as number;
  });
}

interface Chunk {
  readonly id: string;
  readonly body: Buffer;
  /** Offset of the chunk in its parent. */
  readonly at: number;
}

function chunks(bytes: Buffer): Chunk[] {
  const found: Chunk[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = bytes.readUInt32LE(at + 4);
    assert.ok(at + 8 + size <= bytes.length, 'a chunk reaches beyond its parent');
    found.push({ id: bytes.toString('latin1', at, at + 4), body: bytes.subarray(at + 8, at + 8 + size), at });
    at += 8 + size + (size & 1);
  }
  return found;
}

function named(list: readonly Chunk[], id: string, kind = ''): Buffer {
  const chunk = list.find((c) => c.id === id && (kind === '' || c.body.toString('latin1', 0, 4) === kind));
  assert.ok(chunk !== undefined, `no chunk ${id} ${kind}`);
  return kind === '' ? chunk.body : chunk.body.subarray(4);
}

/** Walks the RIFF structure of a grey Motion-JPEG AVI, asserts that its index points at every frame, and decodes the frames. */
export function aviFrames(file: Uint8Array): { width: number; height: number; fps: number; frames: Uint8Array[] } {
  const riff = chunks(Buffer.from(file));
  assert.equal(riff.length, 1);
  const parts = chunks(named(riff, 'RIFF', 'AVI '));
  const headers = chunks(named(parts, 'LIST', 'hdrl'));
  const stream = chunks(named(headers, 'LIST', 'strl'));
  const [main, strh, strf] = [named(headers, 'avih'), named(stream, 'strh'), named(stream, 'strf')];
  assert.deepEqual([main.length, strh.length, strf.length], [56, 56, 40]);
  assert.equal(strh.toString('latin1', 0, 8), 'vidsMJPG');
  assert.equal(strf.toString('latin1', 16, 20), 'MJPG');
  const pictures = chunks(named(parts, 'LIST', 'movi'));
  assert.equal(main.readUInt32LE(16), pictures.length);
  assert.equal(strh.readUInt32LE(32), pictures.length);
  const index = named(parts, 'idx1');
  assert.equal(index.length, 16 * pictures.length);
  const frames = pictures.map(({ id, body, at }, i) => {
    assert.equal(id, '00dc');
    assert.equal(index.toString('latin1', 16 * i, 16 * i + 4), '00dc');
    assert.equal(index.readUInt32LE(16 * i + 8), at + 4);
    assert.equal(index.readUInt32LE(16 * i + 12), body.length);
    return greyOf(decode(body, { useTArray: true }).data);
  });
  const fps = strh.readUInt32LE(24) / strh.readUInt32LE(20);
  return { width: main.readUInt32LE(32), height: main.readUInt32LE(36), fps, frames };
}
