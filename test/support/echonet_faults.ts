import { aviFile, jpegImage } from './avi.js';
import { goodStudy, tracing, writeEchoNet, type TestStudy } from './echonet.js';

/** What a fault changes in a good study called `id`, and the reason it must be left out with, or `usable`. */
export interface EchoNetFault {
  readonly change: (study: TestStudy, id: string) => void;
  readonly reason: RegExp | 'usable';
}

const label =
  (values: Record<string, string>): EchoNetFault['change'] =>
  (study) =>
    Object.assign(study.list[0]!, values);
const video =
  (make: (good: Buffer) => Buffer): EchoNetFault['change'] =>
  (study, id) => {
    study.videos[`${id}.avi`] = make(study.videos[`${id}.avi`]!);
  };
const traced =
  (make: (fileName: string) => string[]): EchoNetFault['change'] =>
  (study, id) => {
    study.tracings = make(`${id}.avi`);
  };

const images = (count: number): Buffer[] => Array.from({ length: count }, (_, i) => jpegImage(i));

/** An image whose header says another size. */
function resized(image: Buffer, side: number): Buffer {
  const changed = Buffer.from(image);
  const frame = changed.indexOf(Buffer.from([0xff, 0xc0]));
  changed.writeUInt16BE(side, frame + 5);
  changed.writeUInt16BE(side, frame + 7);
  return changed;
}

/** Kinds of fault by the id of the study that has them. */
export const echonetFaults: Readonly<Record<string, EchoNetFault>> = {
  splitInLowerCase: { change: label({ Split: 'val' }), reason: 'usable' },
  listedWithSuffix: { change: (study, id) => label({ FileName: `${id}.avi` })(study, id), reason: 'usable' },
  fpsMissing: { change: label({ FPS: 'nan' }), reason: 'usable' },
  headerCountTooHigh: { change: label({ NumberOfFrames: '500' }), reason: 'usable' },
  tracedWithoutSuffix: {
    change: (study) => (study.tracings = study.tracings.map((row) => row.replace('.avi', ''))),
    reason: 'usable',
  },
  frameWrittenAsFloat: {
    change: (study) => (study.tracings = study.tracings.map((row) => `${row}.0`)),
    reason: 'usable',
  },
  efNearItsVolumes: { change: label({ EF: '64.5' }), reason: 'usable' },
  codecOfOtherFrames: {
    change: video(() => aviFile(Array<Buffer>(12).fill(jpegImage(0)), { codec: 'ZZZZ' })),
    reason: /^codec is unknown: "ZZZZ"$/,
  },
  efNaN: { change: label({ EF: 'NaN' }), reason: /^EF is not a number: "NaN"$/ },
  edvEmpty: { change: label({ EDV: '' }), reason: /^EDV is not a number: ""$/ },
  esvInWords: { change: label({ ESV: '40 mL' }), reason: /^ESV is not a number: "40 mL"$/ },
  esvInfinite: { change: label({ ESV: 'Infinity' }), reason: /^ESV is not a number/ },
  efTooHigh: { change: label({ EF: '160' }), reason: /^EF out of range: 160 %/ },
  efNegative: { change: label({ EF: '-5' }), reason: /^EF out of range: -5 %/ },
  efAsFraction: { change: label({ EF: '0.6' }), reason: /^EF out of range: 0\.6 %, expected from 1 to below 100$/ },
  efOfOtherVolumes: { change: label({ EF: '30' }), reason: /^EF is at odds with its volumes/ },
  edvZero: { change: label({ EDV: '0' }), reason: /^EDV out of range: 0 mL/ },
  edvInMicrolitres: { change: label({ EDV: '100200' }), reason: /^EDV out of range/ },
  volumesSwapped: { change: label({ ESV: '100', EDV: '40' }), reason: /^ESV is not below EDV: 100 and 40 mL$/ },
  splitAsFold: { change: label({ Split: '3' }), reason: /^split is unknown: "3"/ },
  notTraced: { change: traced(() => []), reason: /^no tracing/ },
  tracedOnce: { change: traced((name) => tracing(name, 3, 20)), reason: /^traced frames are not two: 1 found$/ },
  tracedThrice: {
    change: traced((name) => [3, 5, 8].flatMap((frame) => tracing(name, frame, 10 + frame))),
    reason: /^traced frames are not two: 3 found$/,
  },
  frameBeyondTheEnd: {
    change: traced((name) => [...tracing(name, 3, 15), ...tracing(name, 12, 22)]),
    reason: /^frame beyond the clip: frame 12 of 12/,
  },
  frameInWords: {
    change: traced((name) => [...tracing(name, 8, 22), ...tracing(name, 'No Systolic', 22)]),
    reason: /^bad tracing: VolumeTracings\.csv, row \d+, .*Frame "No Systolic" and 8 more$/,
  },
  frameNegative: {
    change: traced((name) => [...tracing(name, 3, 15), ...tracing(name, -8, 22)]),
    reason: /^bad tracing: .*Frame "-8"/,
  },
  coordinateNaN: {
    change: (study) => study.tracings.push(study.tracings[4]!.replace(/,[^,]*,/, ',nan,')),
    reason: /^bad tracing: .*X1 "nan"/,
  },
  bowTie: {
    change: traced((name) => {
      const rows = tracing(name, 3, 15);
      const [file, x1, y1, x2, y2, frame] = rows[4]!.split(',');
      rows[4] = [file, x2, y2, x1, y1, frame].join();
      return [...rows, ...tracing(name, 8, 22)];
    }),
    reason: /^polygon intersects itself: frame 3$/,
  },
  noArea: {
    change: traced((name) => [...tracing(name, 3, 0), ...tracing(name, 8, 22)]),
    reason: /^polygon has no area: frame 3$/,
  },
  longAxisAlone: {
    change: traced((name) => [tracing(name, 3, 15)[0]!, ...tracing(name, 8, 22)]),
    reason: /^polygon has too few or too many chords: frame 3 has 0/,
  },
  chordsWithoutEnd: {
    change: traced((name) => [...tracing(name, 3, 15, 5000), ...tracing(name, 8, 22)]),
    reason: /^polygon has too few or too many chords: frame 3 has 5000/,
  },
  equalAreas: {
    change: traced((name) => [...tracing(name, 3, 20), ...tracing(name, 8, 20)]),
    reason: /^polygons are equally large/,
  },
  videoMissing: { change: (study) => (study.videos = {}), reason: /^video is missing: Videos\/videoMissing\.avi$/ },
  videoEmpty: { change: video(() => Buffer.alloc(0)), reason: /^video cannot be read: .*got an empty file$/ },
  videoOfZeros: { change: video(() => Buffer.alloc(5000)), reason: /^video cannot be read: .*got zero bytes$/ },
  videoIsPlayList: {
    change: video(() => Buffer.from('#EXTM3U\nhttp://example.org/a.avi')),
    reason: /^video cannot be read: .*got a play list$/,
  },
  videoCutShort: { change: video((good) => good.subarray(0, good.length - 900)), reason: /cut short/ },
  videoIsMp4: {
    change: video(() => Buffer.from('\0\0\0\x18ftypisom', 'latin1')),
    reason: /^video cannot be read: .*got an MP4 file$/,
  },
  videoWithoutFrames: { change: video(() => aviFile([])), reason: /^video cannot be read: .*got none$/ },
  framesAreNoImages: {
    change: video(() => aviFile(Array(12).fill(Buffer.from('noise')))),
    reason: /^frame is no JPEG image: frame [38]$/,
  },
  listedTwiceAlike: {
    change: (study) => study.list.push({ ...study.list[0]! }),
    reason: /^duplicate row: row \d+ says the same as row \d+$/,
  },
  listedTwiceDiffering: {
    change: (study) => study.list.push({ ...study.list[0]!, Split: 'TEST' }),
    reason: /^duplicate rows that differ: rows \d+, \d+$/,
  },
  unlisted: {
    change: (study) => (study.list = []),
    reason: /^not in FileList\.csv: there is only a tracing and a video$/,
  },
  '': { change: () => undefined, reason: /^FileName is empty: row \d+$/ },
  efWithDecimalComma: { change: label({ EF: '"60,2"' }), reason: /^EF is not a number: "60,2"$/ },
  efInHexadecimal: { change: label({ EF: '0x3C' }), reason: /^EF is not a number: "0x3C"$/ },
  efOfHundred: { change: label({ EF: '100' }), reason: /^EF out of range: 100 %/ },
  esvNegative: { change: label({ ESV: '-40' }), reason: /^ESV out of range: -40 mL/ },
  volumesInLitres: {
    change: label({ ESV: '0.04', EDV: '0.1' }),
    reason: /^E[DS]V out of range: 0(\.1)? mL, expected 0\.5 to 1000$/,
  },
  volumesAlike: {
    change: label({ ESV: '100.2', EF: '1' }),
    reason: /^ESV is not below EDV: 100\.2 and 100\.2 mL$/,
  },
  splitEmpty: { change: label({ Split: '' }), reason: /^split is unknown: ""/ },
  splitOfEscapes: { change: label({ Split: '\u001b[2J<b>' }), reason: /^split is unknown: "\\u\{1b\}\[2J<b>"/ },
  commaTooMany: {
    change: label({ Split: 'TRAIN,7' }),
    reason: /^row has too many fields: row \d+ has 10, the header 9$/,
  },
  commasAtTheEnd: { change: label({ Split: 'TRAIN,,,' }), reason: 'usable' },
  tracedAlone: {
    change: (study) => Object.assign(study, { list: [], videos: {} }),
    reason: /^not in FileList\.csv: there is only a tracing$/,
  },
  filmedAlone: {
    change: (study) => Object.assign(study, { list: [], tracings: [] }),
    reason: /^not in FileList\.csv: there is only a video$/,
  },
  chordsOfText: {
    change: traced((name) => [`${name},a,b,c,d,3`, ...tracing(name, 8, 22)]),
    reason: /^bad tracing: .*X1 "a"$/,
  },
  chordOfTooManyFields: {
    change: traced((name) => [...tracing(name, 3, 15), ...tracing(name, 8, 22), `${name},1,2,3,4,8,9`]),
    reason: /^bad tracing: .*row has too many fields: row \d+ has 7, the header 6$/,
  },
  frameHuge: {
    change: traced((name) => [...tracing(name, 3, 15), ...tracing(name, '1e300', 22)]),
    reason: /^bad tracing: .*Frame "1e300"/,
  },
  frameHalf: {
    change: traced((name) => [...tracing(name, 3, 15), ...tracing(name, '7.5', 22)]),
    reason: /^bad tracing: .*Frame "7\.5"/,
  },
  videoInCapitals: {
    change: (study, id) => (study.videos = { [`${id}.AVI`]: study.videos[`${id}.avi`]! }),
    reason: /^video is missing: Videos\/videoInCapitals\.avi$/,
  },
  countTooLowInTheHeader: { change: video(() => aviFile(images(12), { claimedFrames: 3 })), reason: 'usable' },
  countWithoutEndInTheHeader: {
    change: video(() => aviFile(images(12), { claimedFrames: 2 ** 31 })),
    reason: 'usable',
  },
  fewerFramesThanClaimed: {
    change: video(() => aviFile(images(5), { claimedFrames: 12 })),
    reason: /^frame beyond the clip: frame 8 of 5 \(0-based\)$/,
  },
  withoutIndex: { change: video(() => aviFile(images(12), { index: 'none' })), reason: 'usable' },
  indexFromTheStart: { change: video(() => aviFile(images(12), { index: 'file' })), reason: 'usable' },
  framesInRecords: { change: video(() => aviFile(images(12), { records: true })), reason: 'usable' },
  soundFirst: { change: video(() => aviFile(images(12), { withSound: true })), reason: 'usable' },
  continued: { change: video(() => aviFile(images(4), { continuation: images(8) })), reason: 'usable' },
  recorderStopped: { change: video(() => aviFile(images(12), { riffSize: 0xffffffff })), reason: 'usable' },
  aFrameDropped: {
    change: video(() => aviFile(images(12).map((image, i) => (i === 8 ? Buffer.alloc(0) : image)))),
    reason: 'usable',
  },
  firstFrameDropped: {
    change: video(() => aviFile(images(12).map((image, i) => (i < 5 ? Buffer.alloc(0) : image)))),
    reason: /^video cannot be read: .*a dropped frame 3 that nothing precedes$/,
  },
  framesWithoutEnd: {
    change: video(() => aviFile(Array<Buffer>(12).fill(resized(jpegImage(0), 60_000)))),
    reason: /^frame has an impossible size: frame [38], 60000 × 60000 pixels$/,
  },
  framesCutInTheirHeader: {
    change: video(() => aviFile(images(12).map((image) => image.subarray(0, 30)))),
    reason: /^frame is no JPEG image: frame [38]$/,
  },
  soundAlone: {
    change: video((good) => Buffer.from(good.toString('latin1').replace('vids', 'auds'), 'latin1')),
    reason: /^video cannot be read: .*expected a video stream in the header of the AVI file, got none$/,
  },
  videoIsDicom: {
    change: video(() => Buffer.from(`${'\0'.repeat(128)}DICM`)),
    reason: /^video cannot be read: .*got a DICOM file$/,
  },
  videoIsConcatenation: {
    change: video(() => Buffer.from('ffconcat version 1.0\nfile /etc/passwd\n')),
    reason: /^video cannot be read: .*got a play list$/,
  },
  videoIsWebPage: {
    change: video(() => Buffer.from('<html>sign in</html>')),
    reason: /^video cannot be read: .*got bytes that begin with "<html>/,
  },
  videoIsPicture: { change: video(() => jpegImage(0)), reason: /^video cannot be read: .*got a JPEG image$/ },
  videoIsWave: {
    change: video((good) => Buffer.from(good.toString('latin1').replace('AVI ', 'WAVE'), 'latin1')),
    reason: /^video cannot be read: .*got a RIFF file of type "WAVE"$/,
  },
  'bidi\u202Eiva': { change: () => undefined, reason: 'usable' },
  '<img src=x onerror=alert(1)>': { change: () => undefined, reason: 'usable' },
  'escape\u001b[31m': {
    change: (study) => (study.videos = {}),
    reason: /^video is missing: Videos\/escape\\u\{1b\}\[31m\.avi$/,
  },
};

/** Writes a folder with a study of each kind of fault between two good ones, `first` and `last`, and `further` ones. */
export function writeEchoNetFaults(root: string, further: readonly TestStudy[] = []): void {
  const studies = Object.entries(echonetFaults).map(([id, { change }]) => {
    const study = goodStudy(id);
    change(study, id);
    return study;
  });
  writeEchoNet(root, [goodStudy('first'), ...studies, ...further, goodStudy('last')]);
}
