import { BadInput } from '../host/errors.js';
import { printable } from '../host/text.js';
import { locateFile, locateNifti, type CamusFolder, type Located } from './camus_layout.js';
import { readCamusInfo, type CamusInfo } from './camus_info.js';
import { readFrameFile, type SpacedImage } from './frame_file.js';
import { discsOf, type Discs } from './simpson.js';
import { LEFT_ATRIUM } from './mask_labels.js';
import type { FrameFile, View } from './study.js';

/** The two moments that CAMUS gives as pictures of their own. */
export type Phase = 'ED' | 'ES';

/** What a patient's folder holds of a view; null where something is wrong, which then stands in the reasons. */
export interface CamusView {
  readonly info: CamusInfo | null;
  readonly frames: Readonly<Record<Phase, FrameFile | null>>;
  readonly discs: Readonly<Record<Phase, Discs | null>>;
  readonly reasons: readonly string[];
}

type Found<T> =
  { readonly value: T; readonly reasons?: undefined } | { readonly value: null; readonly reasons: string[] };

const nothing = (reason: string): Found<never> => ({ value: null, reasons: [reason] });

/** What `read` gives, or why it cannot read. */
function attempt<T>(kind: string, read: () => T): Found<T> {
  try {
    return { value: read() };
  } catch (error) {
    if (!(error instanceof BadInput)) throw error;
    return nothing(`${kind} cannot be read: ${error.message.replace(/\.$/, '')}`);
  }
}

function infoOf(folder: CamusFolder, patient: string, view: View): Found<CamusInfo> {
  const name = `Info_${view}.cfg`;
  const located = locateFile(folder, patient, [name]);
  if (located.kind === 'refused') return nothing(located.reason);
  if (located.kind === 'missing') return nothing(`cfg is missing: ${name}`);
  return attempt('cfg', () => readCamusInfo(located.path));
}

/** The picture of a moment: a file of its own, else the frame of the half sequence. */
function frameOf(
  folder: CamusFolder,
  patient: string,
  view: View,
  phase: Phase,
  frame: number | null,
): Found<FrameFile> {
  const own = locateNifti(folder, patient, view, phase);
  if (own.kind === 'file') return { value: { path: own.path, frame: null } };
  if (own.kind === 'refused') return nothing(own.reason);
  const sequence = locateNifti(folder, patient, view, 'half_sequence');
  if (sequence.kind === 'refused') return nothing(sequence.reason);
  if (sequence.kind === 'file' && frame !== null) return { value: { path: sequence.path, frame } };
  return nothing(`image is missing: ${patient}_${view}_${phase}.nii.gz`);
}

function maskOf(located: Located, name: string): Found<SpacedImage> {
  if (located.kind === 'refused') return nothing(located.reason);
  if (located.kind === 'missing') return nothing(`mask is missing: ${name}`);
  const mask = attempt('mask', () => readFrameFile({ path: located.path, frame: null }, 'labels'));
  const odd = mask.value?.image.data.find((label) => label > LEFT_ATRIUM);
  return odd === undefined
    ? mask
    : nothing(`mask has an unknown label: ${odd} in ${name}, expected 0 to ${LEFT_ATRIUM}`);
}

/** How a mask does not fit its image. */
function misfit(image: SpacedImage, mask: SpacedImage, name: string): string[] {
  const size = ({ image: { width, height } }: SpacedImage): string => `${width} × ${height}`;
  if (size(image) !== size(mask)) {
    return [`mask and image differ in size: ${name}, ${size(mask)} and ${size(image)}`];
  }
  const alike = image.spacing.every((mm, axis) => Math.abs(mm / (mask.spacing[axis] as number) - 1) < 1e-3);
  const show = ({ spacing }: SpacedImage): string => spacing.map((mm) => mm.toFixed(4)).join(' × ');
  return alike ? [] : [`mask and image differ in spacing: ${name}, ${show(mask)} and ${show(image)} mm`];
}

interface Moment {
  readonly frame: FrameFile | null;
  readonly discs: Discs | null;
  readonly reasons: readonly string[];
}

function momentOf(folder: CamusFolder, patient: string, view: View, phase: Phase, frame: number | null): Moment {
  const name = `${patient}_${view}_${phase}_gt.nii.gz`;
  const file = frameOf(folder, patient, view, phase, frame);
  const image = file.value === null ? file : attempt('image', () => readFrameFile(file.value));
  const mask = maskOf(locateNifti(folder, patient, view, `${phase}_gt`), name);
  const unfit = image.value !== null && mask.value !== null ? misfit(image.value, mask.value, name) : [];
  const found = mask.value === null ? null : discsOf(mask.value.image, mask.value.spacing);
  return {
    frame: image.value === null ? null : file.value,
    discs: found?.kind === 'discs' && unfit.length === 0 ? found.discs : null,
    reasons: [
      ...(image.reasons ?? []),
      ...(mask.reasons ?? []),
      ...unfit,
      ...(found?.kind === 'none' ? [`${found.reason}: ${printable(name)}`] : []),
    ],
  };
}

/** Reads what a patient's folder holds of a view: the cfg file, the ED and ES pictures and the discs of their masks. */
export function readCamusView(folder: CamusFolder, patient: string, view: View): CamusView {
  const info = infoOf(folder, patient, view);
  const ED = momentOf(folder, patient, view, 'ED', info.value?.edFrame ?? null);
  const ES = momentOf(folder, patient, view, 'ES', info.value?.esFrame ?? null);
  return {
    info: info.value,
    frames: { ED: ED.frame, ES: ES.frame },
    discs: { ED: ED.discs, ES: ES.discs },
    reasons: [...(info.reasons ?? info.value.reasons), ...ED.reasons, ...ES.reasons],
  };
}
