import { fold, Random } from '../../tree/random.js';
import { heartAround } from './heart.js';
import { POOL_MASK, POOL_ROW } from './noise_pool.js';
import { createScanner, type Scanner } from './scanner.js';
import { heartAt, toHeart, type PhantomStudy } from './study.js';
import { drawTissue, MovingTissue, type Tissue } from './tissue.js';
import { ventricleOf } from './ventricle.js';

/** What the pictures of a study have in common. */
interface Studio {
  readonly scanner: Scanner;
  readonly tissue: Tissue;
  /** Where the study's scatterers begin in the noise pool. */
  readonly origin: number;
}

function prepare({ key, form, fullest, probe, size }: PhantomStudy): Studio {
  const reference = heartAround(form, ventricleOf(form.ventricle, fullest, 0), 0);
  return {
    scanner: createScanner(probe, new Random(fold(key, 'scanner')), size),
    tissue: drawTissue(fold(key, 'tissue'), reference),
    origin: new Random(fold(key, 'scatterers')).integer(POOL_MASK),
  };
}

/** Places the scatterers of a moment on the scanner's grid. */
function scatter({ scanner, origin }: Studio, moving: MovingTissue, { placement, probe }: PhantomStudy): void {
  const [tipA, tipB] = toHeart(placement, probe.tipX, probe.tipY);
  for (let beam = 0, at = 0; beam < scanner.beams; beam++) {
    const angle = (scanner.angles[beam] as number) - placement.tilt;
    const stepA = scanner.step * Math.cos(angle);
    const stepB = scanner.step * Math.sin(angle);
    for (let depth = 0; depth < scanner.depths; depth++, at++) {
      moving.look(tipA + depth * stepA, tipB + depth * stepB);
      const u = moving.restA / scanner.step;
      const v = moving.restB / scanner.step;
      const row = Math.floor(u);
      const column = Math.floor(v);
      scanner.strength[at] = moving.level;
      scanner.scatterer[at] = origin + row * POOL_ROW + column;
      scanner.along[at] = u - row;
      scanner.across[at] = v - column;
    }
  }
}

const studios = new WeakMap<PhantomStudy, Studio>();

/** The picture of frame t (t may lie between frames), grey `[H·W]`, rows from the probe downwards. */
export function renderFrame(study: PhantomStudy, t: number): Uint8Array {
  const studio = studios.get(study) ?? prepare(study);
  studios.set(study, studio);
  scatter(studio, new MovingTissue(studio.tissue, heartAt(study, t), t), study);
  return studio.scanner.picture(t);
}
