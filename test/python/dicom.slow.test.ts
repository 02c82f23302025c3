import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { before, describe, it } from 'node:test';
import { openClip } from 'gemma-3ncore/data/clip';
import { findCycle } from 'gemma-3ncore/data/cycle';
import { findSector, maskOutside } from 'gemma-3ncore/data/sector';
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

  it('uncompressed, RLE and palette, with either offset table: the same bits', () => {
    assert.equal(ofKind('lossless').length, 25);
    for (const file of ofKind('lossless')) assert.equal(worst(file), 0, file.name);
  });

  it('JPEG: within 2 grey levels of libjpeg', () => {
    assert.equal(ofKind('jpeg').length, 7);
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

  const cine = (): string => files.find(({ name }) => name === 'color3d_jpeg_baseline')!.path;

  it('the apical four-chamber cine: frame rate and region', () => {
    const { fps, frames, regions, modality } = openDicom(cine());
    assert.deepEqual([modality, frames, Math.round(fps)], ['US', 120, 30]);
    assert.deepEqual(regions[0], { left: 84, top: 31, width: 512, height: 384, spacing: regions[0]!.spacing });
    assert.ok(Math.abs(regions[0]!.spacing![0] - 0.5105) < 1e-4);
  });

  it('the apical four-chamber cine: its sector is found with and without the region, text is gone, a beat is found', async () => {
    const dicom = openDicom(cine());
    const sample = [0, 30, 60, 90, 119].map((frame) => dicom.readFrame(frame));
    const clip = await openClip(cine());
    assert.deepEqual(clip.sector!.box, { left: 84, top: 31, width: 512, height: 384 });
    for (const sector of [clip.sector, findSector(sample)]) {
      const { left, top, width, height } = sector!.box;
      // Corners of the fan as they are seen in the picture, ± 9 pixels; the height to the lowest point of the arc.
      const found = [left, left + width, top + height];
      [84, 596, 406].forEach((edge, i) => assert.ok(Math.abs(found[i]! - edge) <= 9, `${found.join()}`));
      const masked = maskOutside(sample[0]!, sector!);
      // Words and scale to the left, to the right, above and below.
      const outside = (i: number): boolean => {
        const [x, y] = [i % 640, Math.floor(i / 640)];
        return x < 76 || x > 604 || y < 28 || y > 414 || (y < 46 && Math.abs(x - 380) < 8);
      };
      assert.ok(masked.data.every((value, i) => value === 0 || !outside(i)));
      assert.ok(sample[0]!.data.some((value, i) => value > 100 && outside(i)));
    }
    const frames = await clip.read([...Array(clip.frames).keys()]);
    const { edFrame, esFrame, confidence } = findCycle(frames, clip.fps);
    // No ground truth: a systole of a plausible length, in the clip.
    const seconds = (esFrame - edFrame) / clip.fps;
    assert.ok(seconds > 0.15 && seconds < 0.55 && confidence > 0, `${edFrame} to ${esFrame}`);
  });
});
