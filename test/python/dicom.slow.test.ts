import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { before, describe, it } from 'node:test';
import { openDicom } from 'gemma-3ncore/files/dicom';
import { BadInput } from 'gemma-3ncore/host/errors';
import { maxAbsDifference } from '../support/compare.js';
import { useFolder } from '../support/folder.js';
import { writeDicomFrames, type ReferenceDicom } from '../support/python.js';

const root = useFolder();

/** The greatest difference from the reference over its frames. */
function worst({ name, path, height, width, frames, chosen }: ReferenceDicom): number {
  const dicom = openDicom(path);
  assert.deepEqual([dicom.height, dicom.width, dicom.frames], [height, width, frames], name);
  const reference = readFileSync(join(root, `${name}.grey`));
  const size = height * width;
  const differences = chosen.map((frame, i) =>
    maxAbsDifference(dicom.readFrame(frame).data, reference.subarray(i * size, (i + 1) * size)),
  );
  return Math.max(...differences);
}

describe("DICOM files of pydicom's packages, against pydicom", () => {
  let files: ReferenceDicom[];
  before(() => (files = writeDicomFrames(root)));
  const ofKind = (kind: ReferenceDicom['kind']): ReferenceDicom[] => files.filter((file) => file.kind === kind);

  it('uncompressed, RLE and palette: the same bits', () => {
    assert.equal(ofKind('lossless').length, 23);
    for (const file of ofKind('lossless')) assert.equal(worst(file), 0, file.name);
  });

  it('JPEG: within 2 grey levels of libjpeg', () => {
    assert.equal(ofKind('jpeg').length, 6);
    for (const file of ofKind('jpeg')) assert.ok(worst(file) <= 2, `${file.name}: ${worst(file)}`);
  });

  it('others: refused by name', () => {
    for (const { name, path } of ofKind('refused')) {
      assert.throws(
        () => openDicom(path),
        (error) => error instanceof BadInput && error.message.startsWith(basename(path)),
        name,
      );
    }
  });

  it('the apical four-chamber cine: frame rate and region', () => {
    const cine = files.find(({ name }) => name === 'color3d_jpeg_baseline');
    const { fps, frames, regions, modality } = openDicom(cine!.path);
    assert.deepEqual([modality, frames, Math.round(fps)], ['US', 120, 30]);
    assert.deepEqual(regions[0], { left: 84, top: 31, width: 512, height: 384, spacing: regions[0]!.spacing });
    assert.ok(Math.abs(regions[0]!.spacing![0] - 0.5105) < 1e-4);
  });
});
