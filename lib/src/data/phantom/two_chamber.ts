import { fold, Random } from '../../tree/random.js';
import { drawPlacement, ventricleAt, type PhantomStudy } from './study.js';
import { chord, DISCS, ventricleOf, type VentricleForm } from './ventricle.js';
import { drawProbe } from './view.js';

/** Width of the rim of right heart that a two-chamber view still cuts, mm; the view is named for what it does not show. */
const RIGHT_RIM = 2;

/** The same ventricle cut at a right angle: as long, its own outline. */
function drawOutline(random: Random, form: VentricleForm): VentricleForm {
  const shifted = (value: number, spread: number): number => value * (1 + spread * (2 * random.uniform() - 1));
  return {
    ...form,
    widest: shifted(form.widest, 0.1),
    apex: shifted(form.apex, 0.1),
    taper: shifted(form.taper, 0.3),
    bow: 0.04 * random.normal(),
    weakness: form.weakness * random.uniform(),
    weakAt: 0.15 + 0.7 * random.uniform(),
  };
}

/**
 * The two-chamber view of a phantom patient: the same heart beat, ventricle length and long axis in a plane at a right
 * angle, with its own outline, probe and placement. Both planes together bound one body with elliptic discs, whose volume
 * is {@link biplaneVolumeAt}; the labels of the four-chamber study are those of that view alone.
 */
export function twoChamberView(study: PhantomStudy): PhantomStudy {
  const key = fold(study.key, '2CH');
  const ventricle = drawOutline(new Random(fold(key, 'outline')), study.form.ventricle);
  const probe = drawProbe(new Random(fold(key, 'probe')));
  const form = { ...study.form, ventricle, rightWidth: RIGHT_RIM, rightAtriumWidth: RIGHT_RIM };
  const full = ventricleOf(ventricle, study.fullest, 0);
  const placement = drawPlacement(new Random(fold(key, 'placement')), probe, form.wall, full);
  return { ...study, key, form, probe, placement };
}

/** Volume in mL at frame t of the body that both views bound: its discs are ellipses as wide as the two chords. */
export function biplaneVolumeAt(fourChamber: PhantomStudy, twoChamber: PhantomStudy, t: number): number {
  const [one, other] = [ventricleAt(fourChamber, t), ventricleAt(twoChamber, t)];
  let sum = 0;
  for (let k = 0; k < DISCS; k++) {
    const s = (k + 0.5) / DISCS;
    const [a, b] = [chord(one, s), chord(other, s)];
    sum += (a.right - a.left) * (b.right - b.left);
  }
  return ((Math.PI / 4) * sum * one.length) / DISCS / 1000;
}
