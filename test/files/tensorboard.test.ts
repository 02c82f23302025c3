import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { crc32c, scalarsRecord, versionRecord } from 'gemma-3ncore/files/tensorboard';

describe('files/tensorboard', () => {
  it('computes CRC-32C as RFC 3720, appendix B.4, does', () => {
    const ascending = Uint8Array.from({ length: 32 }, (_, i) => i);
    const found = [Buffer.alloc(32), Buffer.alloc(32, 0xff), ascending, ascending.slice().reverse()].map(crc32c);
    assert.deepEqual(found, [0x8a9136aa, 0x62a8ab43, 0x46dd794e, 0x113fdb5c]);
    assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283);
  });

  it('writes the first record as TensorFlow does', () => {
    // 24 bytes of content: wall_time 0 (field 1), file_version "brain.Event:2" (field 3).
    const content = `09${'00'.repeat(8)}1a0d${Buffer.from('brain.Event:2').toString('hex')}`;
    const record = versionRecord(0);
    assert.equal(record.length, 8 + 4 + 24 + 4);
    assert.equal(record.toString('hex', 0, 8), '1800000000000000');
    // The masked checksum of the length 24, as it stands in every event file of TensorFlow's.
    assert.equal(record.toString('hex', 8, 12), 'a37f4b22');
    assert.equal(record.toString('hex', 12, 36), content);
  });

  it('writes steps beyond 127 and several scalars', () => {
    const record = scalarsRecord(1.5, 300, { a: 1, b: -2.5 });
    const content = [
      ...['09', '000000000000f83f', '10', 'ac02', '2a', '14'],
      ...['0a08', '0a0161', '150000803f', '0a08', '0a0162', '15000020c0'],
    ].join('');
    assert.equal(record.toString('hex', 12, record.length - 4), content);
  });
});
