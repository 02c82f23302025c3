import { basename } from 'node:path';
import { BadInput } from '../host/errors.js';
import { printable } from '../host/text.js';
import { withByteFile } from '../files/byte_file.js';
import type { ImageQuality, Person } from './study.js';
import { parseNumber } from './tracings.js';

/** What `Info_<view>.cfg` says of a view; null where it does not or where that makes no sense. Frames are 0-based here. */
export interface CamusInfo {
  readonly edFrame: number | null;
  readonly esFrame: number | null;
  readonly numberOfFrames: number | null;
  /** %. */
  readonly EF: number | null;
  /** Frames a second; NaN where unknown. */
  readonly fps: number;
  readonly person: Person;
  /** Why the view cannot be used. */
  readonly reasons: readonly string[];
  /** Fields that make no sense but are not needed. */
  readonly notes: readonly string[];
}

const largestInfo = 65536;

/** The lines `Key: value` of a cfg file, keys in any case; the reasons name what is said twice in different ways. */
function fieldsOf(path: string): { fields: Map<string, string>; reasons: string[] } {
  const name = printable(basename(path));
  const text = withByteFile(path, ({ size, read }) => {
    if (size <= largestInfo) return read(0, size).toString('utf8');
    throw new BadInput({ where: name, expected: `at most ${largestInfo} bytes`, got: String(size) });
  });
  // By keys in lower case.
  const fields = new Map<string, string>();
  const reasons: string[] = [];
  for (const line of text.replace(/^\uFEFF/, '').split(/\r\n|\r|\n/)) {
    const colon = line.indexOf(':');
    if (colon < 0) continue;
    const written = line.slice(0, colon).trim();
    const key = written.toLowerCase();
    const value = line.slice(colon + 1).trim();
    if ((fields.get(key) ?? value) !== value)
      reasons.push(`cfg contradicts itself: ${name} has two ${printable(written, 20)}`);
    fields.set(key, value);
  }
  return { fields, reasons };
}

/** Reads fields and collects what is wrong with those that are needed and those that are not. */
class Fields {
  readonly notes: string[] = [];

  constructor(
    private readonly name: string,
    private readonly fields: ReadonlyMap<string, string>,
    readonly reasons: string[],
  ) {}

  /** A number that is needed. */
  number(key: string, expected: string, accepts: (value: number) => boolean): number | null {
    const text = this.fields.get(key.toLowerCase());
    const value = parseNumber(text ?? '');
    if (accepts(value)) return value;
    if (text === undefined) this.reasons.push(`cfg lacks a key: ${this.name} has no ${key}`);
    else
      this.reasons.push(
        `cfg field makes no sense: ${this.name}, ${key} "${printable(text, 20)}", expected ${expected}`,
      );
    return null;
  }

  /** A field that is not needed, as `parse` understands it. */
  optional<T>(key: string, parse: (text: string) => T | undefined): T | undefined {
    const text = this.fields.get(key.toLowerCase());
    if (text === undefined) return undefined;
    const value = parse(text);
    if (value === undefined) this.notes.push(`${key} is unknown: "${printable(text, 20)}"`);
    return value;
  }
}

const qualities: readonly ImageQuality[] = ['Good', 'Medium', 'Poor'];

function sexOf(text: string): 'F' | 'M' | undefined {
  const letter = text.toUpperCase();
  return letter === 'F' || letter === 'M' ? letter : undefined;
}

function ageOf(text: string): number | undefined {
  const age = parseNumber(text);
  return age >= 0 && age < 130 ? age : undefined;
}

function positive(text: string): number | undefined {
  const value = parseNumber(text);
  return value > 0 && value < 10_000 ? value : undefined;
}

/**
 * Reads `Info_<view>.cfg` of CAMUS: ED, ES (1-based there) and NbFrame, EF (%), and where given FrameRate, Sex, Age (years)
 * and ImageQuality. A file that cannot be opened is {@link BadInput}; anything else wrong stands in the reasons.
 */
export function readCamusInfo(path: string): CamusInfo {
  const { fields: found, reasons } = fieldsOf(path);
  const fields = new Fields(printable(basename(path)), found, reasons);
  const numberOfFrames = fields.number('NbFrame', 'a whole number from 2', (n) => Number.isSafeInteger(n) && n >= 2);
  const last = numberOfFrames ?? Number.MAX_SAFE_INTEGER;
  const frame = (key: 'ED' | 'ES'): number | null => {
    const isFrame = (n: number): boolean => Number.isInteger(n) && n >= 1 && n <= last;
    const counted = fields.number(key, 'a frame from 1 to NbFrame', isFrame);
    return counted === null ? null : counted - 1;
  };
  const [edFrame, esFrame] = [frame('ED'), frame('ES')];
  if (edFrame !== null && edFrame === esFrame) reasons.push(`ED and ES are one frame: ${edFrame + 1} (1-based)`);
  return {
    ...{ edFrame, esFrame, numberOfFrames },
    EF: fields.number('EF', 'a number', Number.isFinite),
    fps: fields.optional('FrameRate', positive) ?? NaN,
    person: {
      sex: fields.optional('Sex', sexOf),
      age: fields.optional('Age', ageOf),
      imageQuality: fields.optional('ImageQuality', (text) =>
        qualities.find((quality) => quality.toLowerCase() === text.toLowerCase()),
      ),
    },
    reasons,
    notes: fields.notes,
  };
}
