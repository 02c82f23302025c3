import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeJpeg, isDecodable, jpegSize } from 'gemma-3ncore/files/jpeg';
import { BadInput } from 'gemma-3ncore/host/errors';
import { greyAt, jpegImage } from '../support/avi.js';
import { maxAbsDifference } from '../support/compare.js';

const expected = Array.from({ length: 24 * 16 }, (_, i) => greyAt(3, i % 24, Math.floor(i / 24)));

/** Cuts a segment out of a JPEG image. */
function without(bytes: Buffer, marker: number): Buffer {
  const at = bytes.indexOf(Buffer.of(0xff, marker));
  return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 2 + bytes.readUInt16BE(at + 2))]);
}

function withAfterStart(bytes: Buffer, segment: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, 2), segment, bytes.subarray(2)]);
}

describe('files/jpeg', () => {
  const image = jpegImage(3, 24, 16);

  it('gives the luma as it is stored', () => {
    const decoded = decodeJpeg(image, 'image');
    assert.deepEqual([decoded.height, decoded.width], [16, 24]);
    // Quality 95: quantization steps of a few grey levels.
    assert.ok(maxAbsDifference(decoded.data, expected) <= 4);
  });

  it('puts in the standard Huffman tables and the end marker that Motion-JPEG leaves out', () => {
    const bare = without(image, 0xc4);
    assert.ok(bare.length < image.length - 400);
    assert.deepEqual(decodeJpeg(bare, 'image'), decodeJpeg(image, 'image'));
    assert.deepEqual(decodeJpeg(image.subarray(0, -2), 'image'), decodeJpeg(image, 'image'));
  });

  it('takes components that are red, green and blue for that', () => {
    const adobe = (transform: number): Buffer =>
      Buffer.concat([Buffer.of(0xff, 0xee, 0, 14), Buffer.from('Adobe'), Buffer.of(0, 100, 0, 0, 0, 0, transform)]);
    const asRgb = decodeJpeg(withAfterStart(image, adobe(0)), 'image');
    // Chroma of a grey image is 128 throughout: 0.299 Y + 0.701 · 128.
    const weighted = expected.map((grey) => 0.299 * grey + 0.701 * 128);
    assert.ok(maxAbsDifference(asRgb.data, weighted) <= 2);
    assert.deepEqual(decodeJpeg(withAfterStart(image, adobe(1)), 'image'), decodeJpeg(image, 'image'));
  });

  it('stretches luma from 16 to 235 where a comment of ffmpeg says that it is that', () => {
    const comment = Buffer.concat([Buffer.of(0xff, 0xfe, 0, 12), Buffer.from('CS=ITU601\0')]);
    const stored = decodeJpeg(image, 'image').data;
    const stretched = stored.map((y) => Math.min(255, Math.max(0, Math.round(((y - 16) * 255) / 219))));
    assert.notDeepEqual(stretched, stored);
    assert.deepEqual(decodeJpeg(withAfterStart(image, comment), 'image').data, stretched);
  });

  it('decodes grey images whose last restart interval is short, whatever their sampling factors', () => {
    // 9x + 3y at 24×8 by libjpeg: one component, three blocks, restarted after every two.
    const grey = Buffer.from(
      '/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBYQERMUFRUVDA8XGBYU' +
        'GBIUFRT/wAALCAAIABgBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAACP/EABkQAAEFAAAAAAAAAAAAAAAAAAAFByIzUf/dAAQAAv/aAAgBAQAAPwAN' +
        'NaiUxwYDWolMcP/QTbWolMcP/9k=',
      'base64',
    );
    const sampled = Buffer.from(grey);
    sampled[grey.indexOf(Buffer.of(0xff, 0xc0)) + 11] = 0x22;
    const ramp = Array.from({ length: 24 * 8 }, (_, i) => 9 * (i % 24) + 3 * Math.floor(i / 24));
    for (const bytes of [grey, sampled]) {
      const { height, width, data } = decodeJpeg(bytes, 'image');
      assert.deepEqual([height, width], [8, 24]);
      // Quality 90: quantization steps of a few grey levels.
      assert.ok(maxAbsDifference(data, ramp) <= 4, String(maxAbsDifference(data, ramp)));
    }
  });

  it('refuses an image that ends anywhere before its last bytes', () => {
    for (let length = 0; length < image.length - 4; length++) {
      assert.throws(() => decodeJpeg(image.subarray(0, length), 'cut'), BadInput, `${length} bytes`);
    }
  });

  it('tells the size by the header, and which sizes are decoded', () => {
    assert.deepEqual(jpegSize(image), { height: 16, width: 24 });
    assert.ok(isDecodable({ height: 2000, width: 5000 }));
    assert.ok(!isDecodable({ height: 0, width: 24 }) && !isDecodable({ height: 2001, width: 5000 }));
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(100), image.subarray(0, 30), without(image, 0xc0)]) {
      assert.equal(jpegSize(bytes), null);
    }
  });

  it('refuses what does not decode, and sizes that no frame has, before allocating them', () => {
    const huge = Buffer.from(image);
    const frame = huge.indexOf(Buffer.of(0xff, 0xc0));
    huge.writeUInt16BE(65535, frame + 5);
    huge.writeUInt16BE(65535, frame + 7);
    const bad = [Buffer.alloc(0), Buffer.alloc(100), Buffer.from('no image'), image.subarray(0, 300), huge];
    for (const bytes of bad) {
      assert.throws(
        () => decodeJpeg(bytes, 'clip.avi, frame 7'),
        (error) => error instanceof BadInput && error.message.startsWith('clip.avi, frame 7: expected a JPEG image'),
      );
    }
  });
});
