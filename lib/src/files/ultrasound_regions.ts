import type { DicomFields } from './dicom_header.js';

/** A rectangle of an ultrasound picture and how far apart its pixels are (SequenceOfUltrasoundRegions). */
export interface UltrasoundRegion {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  /** Distance of neighbours along x and y, mm; null where the file gives none. */
  readonly spacing: readonly [x: number, y: number] | null;
}

const TWO_DIMENSIONAL = 1;
const TISSUE = 1;
const COLOUR_FLOW = 2;
const CENTIMETRES = 3;

function spacingOf(fields: DicomFields): UltrasoundRegion['spacing'] {
  const [x, y] = (['c', 'e'] as const).map((axis) => 10 * Math.abs(fields.double(`x0018602${axis}`) ?? 0));
  const inCentimetres = fields.uint16('x00186024') === CENTIMETRES && fields.uint16('x00186026') === CENTIMETRES;
  return inCentimetres && x !== undefined && y !== undefined && x > 0 && y > 0 ? [x, y] : null;
}

function regionOf(fields: DicomFields): UltrasoundRegion[] {
  const type = fields.uint16('x00186014');
  if (fields.uint16('x00186012') !== TWO_DIMENSIONAL || (type !== TISSUE && type !== COLOUR_FLOW)) return [];
  const [left, top, right, bottom] = ['8', 'a', 'c', 'e'].map((digit) => fields.uint32(`x0018601${digit}`) ?? NaN) as [
    number,
    number,
    number,
    number,
  ];
  if (!(right > left && bottom > top)) return [];
  return [{ left, top, width: right - left + 1, height: bottom - top + 1, spacing: spacingOf(fields) }];
}

/** The two-dimensional regions of tissue or colour flow, the largest first. Source: DICOM PS3.3, C.8.5.5. */
export function ultrasoundRegions(fields: DicomFields): UltrasoundRegion[] {
  const found = fields.items('x00186011').flatMap(regionOf);
  return found.sort((a, b) => b.width * b.height - a.width * a.height);
}
