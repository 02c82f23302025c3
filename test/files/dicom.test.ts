import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openDicom, type Dicom } from 'gemma-3ncore/files/dicom';
import { decodeJpeg } from 'gemma-3ncore/files/jpeg';
import { BadInput } from 'gemma-3ncore/host/errors';
import { jpegImage } from '../support/avi.js';
import { dicomFile, greyBytes, patientName, rleFrame, type DicomOptions } from '../support/dicom.js';
import { useFolder } from '../support/folder.js';

const root = useFolder();
let count = 0;

function written(bytes: Buffer): string {
  const path = join(root, `${count++}.dcm`);
  writeFileSync(path, bytes);
  return path;
}

const open = (options: DicomOptions): Dicom => openDicom(written(dicomFile(options)));
const valuesOf = (dicom: Dicom, frame: number): Buffer => Buffer.from(dicom.readFrame(frame).data);
const grey = [0, 1, 2].map((i) => greyBytes(i));
const images = [0, 1, 2].map((i) => jpegImage(i));
/** Each byte of some planes in turn: pixel by pixel. */
const woven = (...planes: Buffer[]): Buffer =>
  Buffer.from([...planes[0]!].flatMap((_, i) => planes.map((plane) => plane[i]!)));

describe('files/dicom', () => {
  it('reads any frame of uncompressed pixels, little and big endian and deflated', () => {
    for (const options of [{}, { bigEndian: true }, { coding: 'deflated' as const }]) {
      const dicom = open({ frames: grey, ...options });
      assert.deepEqual([dicom.frames, dicom.height, dicom.width], [3, 16, 16]);
      for (const frame of [2, 0, 1]) assert.deepEqual(valuesOf(dicom, frame), grey[frame]);
    }
  });

  it('gives the luma of every colour space', () => {
    const [r, g, b] = grey as [Buffer, Buffer, Buffer];
    const weighted = Buffer.from(r.map((value, i) => Math.round(0.299 * value + 0.587 * g[i]! + 0.114 * b[i]!)));
    const chroma = Buffer.alloc(256, 90);
    const pairs = Buffer.from([...r].flatMap((value, i) => (i % 2 === 0 ? [value, r[i + 1]!, 90, 160] : [])));
    const inverse = Buffer.from(r.map((value) => 255 - value));
    const cases: [DicomOptions, Buffer][] = [
      [{ photometric: 'RGB', frames: [woven(r, g, b)] }, weighted],
      [{ photometric: 'RGB', planar: true, frames: [Buffer.concat([r, g, b])] }, weighted],
      [{ photometric: 'RGB', coding: 'rle', frames: [rleFrame([r, g, b])] }, weighted],
      [{ photometric: 'YBR_FULL', frames: [woven(r, chroma, chroma)] }, r],
      [{ photometric: 'YBR_FULL', planar: true, frames: [Buffer.concat([r, chroma, chroma])] }, r],
      [{ photometric: 'YBR_FULL_422', frames: [pairs] }, r],
      [{ photometric: 'MONOCHROME1', frames: [r] }, inverse],
      // The table of the test turns black into white.
      [{ photometric: 'PALETTE COLOR', frames: [r] }, inverse],
      [{ photometric: 'PALETTE COLOR', bigEndian: true, frames: [Buffer.from(r)] }, inverse],
    ];
    for (const [options, expected] of cases) {
      assert.deepEqual(valuesOf(open(options), 0), expected, JSON.stringify(options.photometric));
    }
  });

  it('finds the fragments of a frame by the offset table, by their number and by where images begin', () => {
    const halves = images.flatMap((image) => [image.subarray(0, 200), image.subarray(200)]);
    const ways: DicomOptions[] = [
      { frames: images, table: true },
      { frames: images },
      { frames: halves, numberOfFrames: 3 },
    ];
    for (const way of ways) {
      const dicom = open({ ...way, coding: 'jpeg', photometric: 'YBR_FULL_422' });
      for (const frame of [2, 0]) {
        assert.deepEqual(dicom.readFrame(frame), decodeJpeg(images[frame]!, 'image'));
      }
    }
  });

  it('finds them by an extended offset table, and goes by the fragments where it does not fit', () => {
    const runs = grey.map((plane) => rleFrame([plane]));
    const halves = runs.flatMap((run) => [run.subarray(0, 100), run.subarray(100)]);
    // Where the items of some fragments begin, each padded to an even length.
    const offsetsOf = (fragments: readonly Buffer[]): number[] =>
      fragments.map((_, i) => fragments.slice(0, i).reduce((at, { length }) => at + 8 + length + (length % 2), 0));
    const extended = offsetsOf(halves).filter((_, i) => i % 2 === 0);
    const split = open({ frames: halves, numberOfFrames: 3, coding: 'rle', extended });
    const wrong = open({ frames: runs, coding: 'rle', extended: [0, 1, 2] });
    for (const dicom of [split, wrong]) {
      for (const frame of [2, 0]) assert.deepEqual(valuesOf(dicom, frame), grey[frame]);
    }
    assert.throws(
      () => open({ frames: halves, numberOfFrames: 3, coding: 'rle', extended: [0, 1, 2] }),
      /expected 3 frames, as its header says, got 6 fragments without a table that fits/,
    );
  });

  it('gives the frame rate and the regions, and nothing about the patient', () => {
    const dicom = open({ frames: grey, frameTime: '20.0', region: [2, 1, 13, 12, 0.05] });
    assert.equal(dicom.fps, 50);
    assert.deepEqual(dicom.regions, [{ left: 2, top: 1, width: 12, height: 12, spacing: [0.5, 0.5] }]);
    const allowed = ['frames', 'fps', 'height', 'modality', 'photometric', 'readFrame', 'regions', 'transferSyntax'];
    assert.deepEqual(Object.keys(dicom).sort(), [...allowed, 'width'].sort());
    assert.ok(!JSON.stringify(dicom).includes(patientName.slice(0, 6)));
    assert.equal(open({ frames: grey }).fps, NaN);
  });

  it('refuses in one sentence what it cannot read, and says what to do', () => {
    const refused: [DicomOptions, RegExp][] = [
      [{ frames: [] }, /expected a DICOM file with pictures, got no pixel data/],
      [{ frames: grey, syntax: '1.2.840.10008.1.2.4.90' }, /got JPEG 2000; convert it to an uncompressed one/],
      [{ frames: grey, syntax: '1.2.840.10008.1.2.4.102' }, /got MPEG-4 video; take the video stream out of it/],
      [{ frames: grey, syntax: '1.2.3' }, /got "1\.2\.3"/],
      [{ frames: grey, bits: 16 }, /BitsAllocated: expected 8 bits a sample, got 16; export/],
      [{ frames: grey, photometric: 'YBR_ICT' }, /PhotometricInterpretation: expected .*, got YBR_ICT/],
      [{ frames: grey, numberOfFrames: 4 }, /expected 4 frames of 256 bytes, as its header says, got 768 bytes/],
      [{ frames: grey, numberOfFrames: 0 }, /NumberOfFrames/],
      [{ frames: grey, height: 0 }, /Rows and Columns/],
      [{ frames: images, coding: 'jpeg', numberOfFrames: 5 }, /expected 5 frames, as its header says, got 3 fragments/],
    ];
    for (const [options, message] of refused) {
      assert.throws(
        () => open(options),
        (error) => error instanceof BadInput && message.test(error.message),
        String(message),
      );
    }
    const whole = dicomFile({ frames: images, coding: 'jpeg' });
    assert.throws(() => openDicom(written(whole.subarray(0, -200))), /as a fragment says.*cut short/);
    const damaged = open({ frames: [rleFrame([greyBytes(0, 8, 8)])], coding: 'rle' });
    assert.throws(() => damaged.readFrame(0), /frame 0: expected RLE of 16 × 16 pixels, got damaged data/);
    assert.throws(() => open({ frames: grey }).readFrame(3), /expected a frame from 0 to 2, got 3/);
  });
});
