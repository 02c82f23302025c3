import { renderFrame } from '../data/phantom/render.js';
import { phantomStudy, type PhantomStudy, type Point } from '../data/phantom/study.js';
import { phantomLandmarks, phantomMasks } from '../data/phantom/targets.js';
import { fold, Random, rootKey } from '../tree/random.js';
import type { BatchSource, DrawBatch } from './batch.js';

/** Labels of phantomMasks: background, cavity of the left ventricle, myocardium, left atrium. */
export const LABELS = 4;

/** Side of a token's square of pixels and of the grid of tokens. */
const PATCH = 8;
const CELLS_OF_TOKEN = 4;

/** Numbers that say where apex, septal and lateral annulus are. */
export const COORDINATES = 6;

/** A new study costs as much as dozens of frames: each gives two frames to up to eight batches in a row. */
const FRAMES_OF_STUDY = 2;
const BATCHES_OF_STUDY = 8;

export function tokenSide(size: number): number {
  return size / PATCH;
}

/** Area fractions of the labels in each token, `[side·side·LABELS]`, row-major. */
export function areaFractions(study: PhantomStudy, t: number): Float32Array {
  const side = tokenSide(study.size);
  const grid = side * CELLS_OF_TOKEN;
  const fractions = new Float32Array(side * side * LABELS);
  phantomMasks(study, t, grid).forEach((label, at) => {
    const row = Math.floor(Math.floor(at / grid) / CELLS_OF_TOKEN);
    const column = Math.floor((at % grid) / CELLS_OF_TOKEN);
    const token = (row * side + column) * LABELS + label;
    fractions[token] = (fractions[token] as number) + 1 / CELLS_OF_TOKEN ** 2;
  });
  return fractions;
}

/** Apex, septal and lateral annulus as x, y from −1 (left, top border) to 1. */
export function landmarkCoordinates(study: PhantomStudy, t: number): number[] {
  const { apex, annulus } = phantomLandmarks(study, t);
  const scaled = ([x, y]: Point): number[] => [x, y].map((pixel) => (2 * (pixel + 0.5)) / study.size - 1);
  return [apex, ...annulus].flatMap(scaled);
}

/**
 * Frames of phantom hearts at random moments of the cycle. Targets: area fractions `[B, N, LABELS]` and landmarks
 * `[B, COORDINATES]`; nothing else of a heart is told, least of all its volumes or EF.
 */
export function heartBatches({ seed, batch, size }: BatchSource): DrawBatch {
  const alive = new Map<number, PhantomStudy>();
  const studies = Math.ceil(batch / FRAMES_OF_STUDY);
  const renewed = Math.ceil(studies / BATCHES_OF_STUDY);
  const studyAt = (index: number): PhantomStudy => {
    const study = alive.get(index) ?? phantomStudy(seed, index, size);
    alive.set(index, study);
    return study;
  };
  return (step) => {
    const first = step * renewed;
    for (const index of alive.keys()) if (index < first || index >= first + studies) alive.delete(index);
    const random = new Random(fold(fold(rootKey(seed), 'moments'), step));
    const images = new Uint8Array(batch * size * size);
    const fractions = new Float32Array(batch * tokenSide(size) ** 2 * LABELS);
    const landmarks = new Float32Array(batch * COORDINATES);
    for (let i = 0; i < batch; i++) {
      const study = studyAt(first + (i % studies));
      const t = random.integer(study.frames);
      images.set(renderFrame(study, t), i * size * size);
      fractions.set(areaFractions(study, t), (i * fractions.length) / batch);
      landmarks.set(landmarkCoordinates(study, t), i * COORDINATES);
    }
    return { images, targets: [fractions, landmarks] };
  };
}
