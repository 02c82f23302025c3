import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { aviFile, brokenImage, jpegImage } from './avi.js';
import { dicomFile, greyBytes, rleFrame, type DicomOptions } from './dicom.js';

const columns = ['FileName', 'EDV', 'ESV', 'EF', 'Split', 'ED', 'ES', 'View', 'Patient'] as const;

/** A clip below a data root by its name, what its row says otherwise than a good one's, and the reason it is left out with. */
export interface ClipFault {
  /** None where there is no such file. */
  readonly bytes?: Buffer;
  readonly row?: Readonly<Partial<Record<(typeof columns)[number], string>>>;
  /** Rows in addition to its own, by what they say otherwise. */
  readonly further?: readonly NonNullable<ClipFault['row']>[];
  readonly reason: RegExp | 'usable';
}

const images = Array.from({ length: 6 }, (_, i) => jpegImage(i));
const greys = images.map((_, i) => greyBytes(i));
const avi = aviFile(images);
const dicom = (options: Partial<DicomOptions> = {}): Buffer => dicomFile({ frames: greys, ...options });
const jpegs = (options: Partial<DicomOptions> = {}): Buffer => dicom({ frames: images, coding: 'jpeg', ...options });

/** Bytes with some of them changed where `before` stands. */
function replaced(bytes: Buffer, before: string, after: string): Buffer {
  const at = bytes.indexOf(before, 0, 'latin1');
  if (at < 0) throw new Error(`nothing to replace: ${before}`);
  const changed = Buffer.from(bytes);
  changed.write(after, at, 'latin1');
  return changed;
}

const good = (bytes: Buffer, row: ClipFault['row'] = {}): ClipFault => ({ bytes, row, reason: 'usable' });
const bad = (bytes: Buffer, reason: RegExp): ClipFault => ({ bytes, reason });
const said = (row: NonNullable<ClipFault['row']>, reason: RegExp): ClipFault => ({ bytes: avi, row, reason });
const absent = (reason: RegExp): ClipFault => ({ reason });

const files: Record<string, ClipFault> = {
  'clip.avi': good(avi),
  'below/a folder/clip.avi': good(avi),
  noSuffix: good(avi),
  'avi called.dcm': good(avi),
  'dicom called.avi': good(dicom()),
  'claims more.avi': good(aviFile(images, { claimedFrames: 2 ** 31 })),
  'claims fewer.avi': good(aviFile(images, { claimedFrames: 2 })),
  'sound first.avi': good(aviFile(images, { withSound: true })),
  '<img src=x onerror=alert(1)>.avi': good(avi),
  'escape\u001b[2J.avi': good(avi),
  'bidi\u202Eiva': good(avi),
  'line\nbreak.avi': good(avi),
  'empty.avi': bad(Buffer.alloc(0), /^clip cannot be read: .*got an empty file$/),
  'zeros.avi': bad(Buffer.alloc(5000), /^clip cannot be read: .*got zero bytes$/),
  'cut.avi': bad(avi.subarray(0, 900), /^clip cannot be read: .*it was cut short: copy it again$/),
  'play list.avi': bad(Buffer.from('#EXTM3U\nfile:///etc/passwd\n'), /^clip cannot be read: .*got a play list$/),
  'concatenation.mp4': bad(Buffer.from('ffconcat version 1.0\n'), /^clip cannot be read: .*got a play list$/),
  'text.dcm': bad(Buffer.from('no picture'), /^clip cannot be read: text\.dcm: expected a video file \(AVI/),
  'page.avi': bad(Buffer.from('<html>sign in</html>'), /^clip cannot be read: .*that begin with "<html>/),
  'picture.avi': bad(jpegImage(0), /^clip cannot be read: .*got a JPEG image$/),
  'drawing.avi': bad(Buffer.from('\x89PNG\r\n', 'latin1'), /^clip cannot be read: .*got a PNG image$/),
  'packed.avi': bad(Buffer.from('PK\x03\x04'), /^clip cannot be read: .*got a ZIP file$/),
  'no frames.avi': bad(aviFile([]), /^clip cannot be read: .*expected frames of the video stream, got none$/),
  'sound alone.avi': bad(replaced(avi, 'vids', 'auds'), /^clip cannot be read: .*expected a video stream/),
  'codec.avi': bad(aviFile(images, { codec: 'ZZZZ' }), /^codec is unknown: "ZZZZ"$/),
  'noise.avi': bad(
    aviFile(Array<Buffer>(6).fill(Buffer.from('noise'))),
    /^frames cannot be decoded: .*expected a JPEG image that decodes/,
  ),
  'noise in ES.avi': bad(
    aviFile(images.map((image, i) => (i === 3 ? brokenImage : image))),
    /^frames cannot be decoded: .*frame 3.*expected a JPEG image that decodes/,
  ),
  'two sizes.avi': bad(
    aviFile(images.map((image, i) => (i === 3 ? jpegImage(3, 24, 16) : image))),
    /^ED and ES differ in size: 16 × 16 and 24 × 16 pixels$/,
  ),
  'one frame.avi': bad(aviFile(images.slice(0, 1)), /^frame beyond the clip: E[DS] [13] of 1 \(0-based\)$/),
};

const fewer = /^clip cannot be read: .*expected 60 frames of 256 bytes, as its header says, got 1536 bytes; it was cut/;
const noTable = /^clip cannot be read: .*got \d+ fragments without a table that fits$/;
const whole = dicom();
const unpackedPixels = /^clip cannot be read: .*expected uncompressed pixels, JPEG Baseline or RLE Lossless, got /;
const syntax = (end: string): Buffer => jpegs({ syntax: `1.2.840.10008.1.2.4.${end}` });
const named = (name: string): RegExp => new RegExp(`${unpackedPixels.source}${name}`);

/** A deflated file that unpacks to more than any clip. */
function bomb(): Buffer {
  const uid = '1.2.840.10008.1.2.1.99';
  const file = dicom({ coding: 'deflated' });
  return Buffer.concat([file.subarray(0, file.indexOf(uid) + uid.length), deflateRawSync(Buffer.alloc(2 ** 28 + 1))]);
}

const dicoms: Record<string, ClipFault> = {
  'native.dcm': good(dicom()),
  'big endian.dcm': good(dicom({ bigEndian: true })),
  'deflated.dcm': good(dicom({ coding: 'deflated' })),
  'jpeg.dcm': good(jpegs()),
  'jpeg with table.dcm': good(jpegs({ table: true })),
  'jpeg in halves.dcm': good(
    jpegs({ frames: images.flatMap((image) => [image.subarray(0, 100), image.subarray(100)]), numberOfFrames: 6 }),
  ),
  'rle.dcm': good(dicom({ frames: greys.map((plane) => rleFrame([plane])), coding: 'rle' })),
  'inverse.dcm': good(dicom({ photometric: 'MONOCHROME1' })),
  'more frames than it says.dcm': good(dicom({ numberOfFrames: 4 })),
  'no pixels.dcm': bad(dicom({ frames: [] }), /^clip cannot be read: .*a DICOM file with pictures, got no pixel data$/),
  DICOMDIR: bad(
    dicom({ frames: [], sopClass: '1.2.840.10008.1.3.10' }),
    /^clip cannot be read: .*got the list of files of a medium \(DICOMDIR\); name the files themselves$/,
  ),
  'cut in its pixels.dcm': bad(whole.subarray(0, -900), /^clip cannot be read: .*it was cut short: copy it again$/),
  'cut in its header.dcm': bad(whole.subarray(0, 300), /^clip cannot be read: .*a header that is cut short or damaged/),
  'cut at its beginning.dcm': bad(whole.subarray(0, 140), /^clip cannot be read: .*a DICOM file with pictures, got /),
  'no preamble.dcm': bad(whole.subarray(132), /^clip cannot be read: .*a DICOM file without the 128 bytes and "DICM"/),
  'no syntax.dcm': bad(dicom({ syntax: '' }), /^clip cannot be read: .*got no transfer syntax \(0002,0010\)$/),
  'syntax of nobody.dcm': bad(dicom({ syntax: '1.2.3.4' }), named('"1\\.2\\.3\\.4"')),
  'lossless.dcm': bad(syntax('70'), named('JPEG Lossless')),
  'jpeg-ls.dcm': bad(syntax('80'), named('JPEG-LS')),
  'jpeg 2000.dcm': bad(syntax('90'), named('JPEG 2000')),
  'mpeg-2.dcm': bad(syntax('100'), named('MPEG-2 video')),
  'h.264.dcm': bad(syntax('102'), named('MPEG-4 video')),
  'hevc.dcm': bad(syntax('107'), named('HEVC video')),
  '16 bits.dcm': bad(dicom({ bits: 16 }), /, BitsAllocated: expected 8 bits a sample, got 16; export the cine with 8/),
  '7 bits stored.dcm': bad(dicom({ bitsStored: 7 }), /, BitsStored: expected 8 bits a sample, got 7/),
  'tomography.dcm': bad(dicom({ modality: 'CT' }), /, Modality: expected US \(ultrasound\), got CT$/),
  'html as modality.dcm': bad(dicom({ modality: '<b>\u001b[1m' }), /, Modality: .* got <b>\\u\{1b\}\[1m$/),
  'no rows.dcm': bad(dicom({ height: 0 }), /, Rows and Columns: .*got 0 × 16$/),
  'rows without end.dcm': bad(dicom({ height: 65535, width: 65535 }), /, Rows and Columns: .*got 65535 × 65535$/),
  'frames 0.dcm': bad(dicom({ numberOfFrames: 0 }), /, NumberOfFrames: expected a whole number from 1 .*got 0$/),
  'frames in words.dcm': bad(dicom({ numberOfFrames: 'many' }), /, NumberOfFrames: .*got many$/),
  'frames without end.dcm': bad(dicom({ numberOfFrames: 2147483647 }), /, NumberOfFrames: .*got 2147483647$/),
  'fewer frames than it says.dcm': bad(dicom({ numberOfFrames: 60 }), fewer),
  'fewer fragments than frames.dcm': bad(jpegs({ numberOfFrames: 60 }), noTable),
  'no fragments.dcm': bad(dicom({ frames: [Buffer.alloc(0)], coding: 'jpeg', numberOfFrames: 6 }), noTable),
  'fragment cut.dcm': bad(jpegs().subarray(0, -300), /^clip cannot be read: .*as a fragment says, got \d+; it was cut/),
  'colours of nobody.dcm': bad(dicom({ photometric: 'HSV' }), /, PhotometricInterpretation: .*got HSV$/),
  'jpeg of noise.dcm': bad(
    jpegs({ frames: greys.map((grey) => grey.subarray(0, 90)) }),
    /^frames cannot be decoded: .*frame 1: expected a JPEG image that decodes/,
  ),
  'jpeg of another size.dcm': bad(
    jpegs({ height: 32 }),
    /^frames cannot be decoded: .*frame 1, JPEG image: expected 32 × 16, got 16 × 16$/,
  ),
  'rle of noise.dcm': bad(
    dicom({ coding: 'rle' }),
    /^frames cannot be decoded: .*expected RLE of 16 × 16 pixels, got damaged data$/,
  ),
  'sequences without end.dcm': bad(
    dicom({ nested: 100_000 }),
    /^clip cannot be read: .*a header that is cut short or damaged/,
  ),
  'deflated without end.dcm': bad(bomb(), /^clip cannot be read: .*got more than 256 MB when unpacked$/),
};

const labels: Record<string, ClipFault> = {
  'split in lower case.avi': good(avi, { Split: 'val' }),
  'view in lower case.avi': good(avi, { View: '2ch' }),
  'ES before ED.avi': good(avi, { ED: '3', ES: '1' }),
  'EF rounded.avi': good(avi, { EDV: '101.7', ESV: '40.1', EF: '61' }),
  'EF NaN.avi': said({ EF: 'NaN' }, /^EF is not a number: "NaN"$/),
  'EF empty.avi': said({ EF: '' }, /^EF is not a number: ""$/),
  'EF 150.avi': said({ EF: '150' }, /^EF out of range: 150 %/),
  'EF as fraction.avi': said({ EF: '0.6' }, /^EF out of range: 0\.6 %/),
  'EF of other volumes.avi': said({ EF: '20' }, /^EF is at odds with its volumes: 20 % and 60 %$/),
  'EDV with unit.avi': said({ EDV: '100 mL' }, /^EDV is not a number: "100 mL"$/),
  'volumes swapped.avi': said({ EDV: '40', ESV: '100' }, /^ESV is not below EDV: 100 and 40 mL$/),
  'split of nobody.avi': said({ Split: 'OTHER' }, /^split is unknown: "OTHER"/),
  'view of nobody.avi': said({ View: 'PLAX' }, /^view is unknown: "PLAX", expected 4CH or 2CH$/),
  'comma too many.avi': said({ Patient: 'A,B' }, /^row has too many fields: row \d+ has 10, the header 9$/),
  'ED beyond.avi': said({ ED: '6' }, /^frame beyond the clip: ED 6 of 6 \(0-based\)$/),
  'ED negative.avi': said({ ED: '-1' }, /^ED is not a frame number: "-1"$/),
  'ES in words.avi': said({ ES: 'last' }, /^ES is not a frame number: "last"$/),
  'ES alone.avi': said({ ED: '' }, /^ED is not a frame number: ""$/),
  'one frame for both.avi': said({ ES: '1' }, /^ED and ES are the same frame: 1$/),
  'too short to search.avi': said({ ED: '', ES: '' }, /^ED and ES are not found: .* at least/),
  'twice.avi': {
    ...said({}, /^duplicate rows that differ: rows \d+, \d+$/),
    further: [{ FileName: './twice.avi', EF: '60.1' }],
  },
  'patient in two parts.avi': {
    ...said({ Patient: 'P1' }, /^patient is in several splits: TRAIN, TEST$/),
    further: [{ FileName: 'clip.avi/../other.avi', Patient: 'P1', Split: 'TEST' }],
  },
};

const places: Record<string, ClipFault> = {
  '': absent(/^FileName is empty: row \d+$/),
  'missing.avi': absent(/^video is missing: .*missing\.avi$/),
  '<b>missing\u001b[1m</b>.avi': absent(/^video is missing: .*<b>missing\\u\{1b\}\[1m<\/b>\.avi$/),
  '../outside.avi': absent(/^video outside the data root: FileName "\.\.\/outside\.avi"$/),
  '/etc/passwd': absent(/^video outside the data root: FileName "\/etc\/passwd"$/),
  'link out.avi': absent(/^video outside the data root: FileName "link out\.avi"$/),
  'circle.avi': absent(/^video cannot be opened: .*circle\.avi \(ELOOP\)$/),
  'folder.avi': absent(/^video is no file: .*folder\.avi$/),
  'pipe.avi': absent(/^video is no file: .*pipe\.avi$/),
  'http://example.org/a.mp4': absent(/^video is missing: /),
  'clips.csv': absent(/^clip cannot be read: clips\.csv: expected a video file/),
};

/** Kinds of fault by the FileName that has them. */
export const clipFaults: Readonly<Record<string, ClipFault>> = { ...files, ...dicoms, ...labels, ...places };

const quoted = (text: string): string => (/["\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** Text of clips.csv with rows that say what a good one says but for some fields. */
export function clipTable(rows: readonly NonNullable<ClipFault['row']>[]): string {
  const usual = { EDV: '100', ESV: '40', EF: '60', Split: 'TRAIN', ED: '1', ES: '3', View: '', Patient: '' };
  const lines = rows.map((row) => columns.map((column) => quoted({ FileName: '', ...usual, ...row }[column])).join());
  return [columns.join(), ...lines, ''].join('\n');
}

/** Writes a folder of a clip of each kind of fault, and the table over them. */
export function writeClipFaults(root: string): void {
  for (const [name, { bytes }] of Object.entries(clipFaults)) {
    if (bytes === undefined) continue;
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), bytes);
  }
  writeFileSync(join(root, '..', 'outside.avi'), avi);
  symlinkSync(join('..', 'outside.avi'), join(root, 'link out.avi'));
  symlinkSync('circle.avi', join(root, 'circle.avi'));
  mkdirSync(join(root, 'folder.avi'));
  execFileSync('mkfifo', [join(root, 'pipe.avi')]);
  const rows = Object.entries(clipFaults).flatMap(([FileName, { row, further = [] }]) => [
    { FileName, ...row },
    ...further.map((other) => ({ FileName, ...row, ...other })),
  ]);
  writeFileSync(join(root, 'clips.csv'), clipTable(rows));
}
