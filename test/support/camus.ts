import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { encodeNiftiGz } from 'gemma-3ncore/files/nifti_write';

/** Pixels of a test image, and their size in mm: anisotropic, as CAMUS has it. */
export const width = 60;
export const height = 80;
export const spacing = [1.5, 1] as const;

export function nifti(values: Uint8Array, shape: readonly number[] = [width, height]): Buffer {
  return encodeNiftiGz({ shape, spacing, values });
}

/** A grey image that is the same for the same shade. */
export function greyOf(shade: number): Uint8Array {
  return Uint8Array.from({ length: width * height }, (_, i) => (shade + i) % 256);
}

/** Half an ellipse 60 mm long as cavity, with its wall and an atrium below. */
export function maskOf(halfWidth: number): Uint8Array {
  return Uint8Array.from({ length: width * height }, (_, i) => {
    const across = ((i % width) - width / 2) * spacing[0];
    const up = 65 - Math.floor(i / width) * spacing[1];
    const inside = (wall: number): boolean => (up / (60 + wall)) ** 2 + (across / (halfWidth + wall)) ** 2 < 1;
    if (up < 0) return Math.abs(across) < halfWidth && up > -10 ? 3 : 0;
    return inside(0) ? 1 : inside(4) ? 2 : 0;
  });
}

/** Half the width of the cavity at end-diastole and end-systole, mm: EF 100 · (1 − (18/24)²) = 43.75 %. */
export const halfWidths = { ED: 24, ES: 18 } as const;

/** Volume of half an ellipsoid of revolution as long as the cavity, mL. */
export const halfEllipsoid = (half: number): number => ((2 / 3) * Math.PI * 60 * half * half) / 1000;

export const info = {
  ED: '1',
  ES: '9',
  NbFrame: '9',
  Sex: 'F',
  Age: '61',
  ImageQuality: 'Medium',
  EF: '44',
  FrameRate: '50.5',
};

export const infoText = (fields: Readonly<Record<string, string>>): string =>
  Object.entries(fields)
    .map(([key, value]) => `${key}: ${value}\n`)
    .join('');

/** The files of a patient by name; tests change what they want to see found. */
export type PatientFiles = Record<string, Buffer | string>;

/** A patient that has nothing wrong. */
export function goodPatient(patient: string): PatientFiles {
  const files: PatientFiles = {};
  for (const view of ['2CH', '4CH']) {
    for (const phase of ['ED', 'ES'] as const) {
      files[`${patient}_${view}_${phase}.nii.gz`] = nifti(greyOf(phase === 'ED' ? 10 : 90));
      files[`${patient}_${view}_${phase}_gt.nii.gz`] = nifti(maskOf(halfWidths[phase]));
    }
    files[`Info_${view}.cfg`] = infoText(info);
  }
  return files;
}

export function writeFiles(folder: string, files: PatientFiles): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
}

/** Writes a patient below `database_nifti/` of a data root. */
export function writePatient(root: string, patient: string, files: PatientFiles): void {
  writeFiles(join(root, 'database_nifti', patient), files);
}
