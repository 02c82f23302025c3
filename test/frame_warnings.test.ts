import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FrameGeometry } from 'gemma-3ncore/data/study';
import { trainingFrames } from 'gemma-3ncore/data/training_frames';
import { matchFrames } from 'gemma-3ncore/frame_warnings';

const input = { height: 256, width: 256 };
const cropped = (mm: number | null): FrameGeometry => ({
  ...{ height: 112, width: 112, preparation: 'sector' },
  spacing: mm === null ? null : [mm, mm],
});
/** CAMUS stores portrait pictures with pixels that are no squares. */
const camus: FrameGeometry = { height: 778, width: 549, preparation: 'whole', spacing: [0.308, 0.154] };
const small: FrameGeometry = { height: 112, width: 112, preparation: 'small square', spacing: null };
const trainedOn = (dataset: string, ...frames: FrameGeometry[]) => trainingFrames(dataset, frames, input);
const warningsOf = (frames: FrameGeometry, trained: ReturnType<typeof trainedOn> | undefined) =>
  matchFrames(frames, trained, input).warnings;

describe('frame_warnings', () => {
  it('says nothing where scale and preparation agree, within what the sector’s edges vary by', () => {
    const trained = trainedOn('clips', cropped(1.5), cropped(1.45), cropped(1.55));
    for (const mm of [1.5, 1.5 * 1.03, 1.5 / 1.03]) {
      const { warnings, volumeFactor } = matchFrames(cropped(mm), trained, input);
      assert.deepEqual(warnings, []);
      assert.ok(Math.abs(volumeFactor! - (mm / 1.5) ** 3) < 1e-9);
    }
    assert.deepEqual(warningsOf(camus, trainedOn('camus', camus)), []);
  });

  it('says both scales and what they do to volumes where they differ', () => {
    const trained = trainedOn('clips', cropped(1.5), cropped(1.2), cropped(1.8));
    const [warning, ...others] = warningsOf(cropped(3), trained);
    assert.deepEqual(others, []);
    assert.equal(
      warning,
      "A pixel of the student's input is 1.31 × 1.31 mm here and was 0.656 × 0.656 mm in the median " +
        '(0.525 to 0.788) in training: true volumes are about 8 times the predicted ones (EF hardly changes).',
    );
  });

  it('knows that the resize stretches pictures that are no squares', () => {
    // 549 × 0.308 mm wide and 778 × 0.154 mm high on 256 × 256; square pixels of the same width are stretched otherwise.
    const upright = { ...camus, spacing: [0.308, 0.308] as const };
    const { inputSpacing, volumeFactor, warnings } = matchFrames(upright, trainedOn('camus', camus), input);
    assert.deepEqual(inputSpacing, [(0.308 * 549) / 256, (0.308 * 778) / 256]);
    assert.ok(Math.abs(volumeFactor! - 2) < 1e-9, String(volumeFactor));
    assert.match(warnings[0]!, /0\.661 × 0\.936 mm here and was 0\.661 × 0\.468 mm in training: .* about 2 times/);
  });

  it('says which scale is unknown', () => {
    const echonet = trainedOn('echonet-dynamic', cropped(null));
    assert.match(
      warningsOf(cropped(null), echonet)[0]!,
      /^The file gives no .* training frames of echonet-dynamic is not/,
    );
    assert.match(
      warningsOf(cropped(1), undefined)[0]!,
      /is 0\.438 × 0\.438 mm here; .* training frames was not recorded/,
    );
    assert.match(
      warningsOf(cropped(1), echonet)[0]!,
      /here; that of the training frames of echonet-dynamic is not known/,
    );
    const [warning] = warningsOf(small, trainedOn('phantom', cropped(1.5)));
    assert.match(
      warning!,
      /^The file gives no pixel spacing; a pixel of the student's input was 0\.656 × 0\.656 mm in/,
    );
    assert.equal(matchFrames(small, echonet, input).volumeFactor, null);
  });

  it('says where frames were prepared otherwise', () => {
    const phantom = { ...small, preparation: 'whole', spacing: [1.5, 1.5] } as const;
    const prepared = (frames: FrameGeometry, ...trained: FrameGeometry[]) =>
      warningsOf(frames, trainedOn('some', ...trained)).filter((warning) => warning.startsWith('The frames here'));
    assert.deepEqual(prepared(cropped(1), camus), [
      'The frames here are cropped to the ultrasound sector, 112×112 pixels; the student learned from others, some: whole ' +
        'pictures, 549×778 pixels.',
    ]);
    assert.equal(prepared(cropped(1), phantom).length, 1);
    assert.equal(prepared(small, camus).length, 1);
    assert.equal(prepared({ ...camus, width: 1024 }, camus).length, 1);
    // Small squares are what data sets of squares store; of others nobody knows more.
    assert.deepEqual(prepared(small, phantom), []);
    assert.deepEqual(prepared(small, cropped(1)), []);
    assert.deepEqual(prepared(cropped(1), cropped(1), camus), []);
    assert.deepEqual(prepared({ ...camus, preparation: 'no sector' }, camus), []);
  });
});
