import { BadInput } from '../host/errors.js';
import { architecture, type Architecture, type Block } from './mobilenet_v5_arch.js';
import type { MobileNetV5Config } from './mobilenet_v5_config.js';

/** A block with its name `blocks.i.j`, its place, and the stage that ends with it. */
export interface PlacedBlock {
  readonly name: string;
  readonly at: readonly [stage: number, block: number];
  readonly block: Block;
  readonly endsStage: number | undefined;
}

/** The blocks of a network in the order in which a map goes through them. */
export function placedBlocks({ stages }: Architecture): PlacedBlock[] {
  return stages.flatMap((blocks, s) =>
    blocks.map((block, b) => ({
      name: `blocks.${s}.${b}`,
      at: [s, b] as const,
      block,
      endsStage: b === blocks.length - 1 ? s : undefined,
    })),
  );
}

/** The blocks that a pass skips when it begins after one of them. @throws BadInput when there is no block of that name. */
export function blocksUpTo(blocks: readonly PlacedBlock[], after: string): PlacedBlock[] {
  const last = blocks.findIndex(({ name }) => name === after);
  if (last >= 0) return blocks.slice(0, last + 1);
  throw new BadInput({ where: 'blocks', expected: `one of ${blocks.map(({ name }) => name).join(', ')}`, got: after });
}

/** The blocks below the first one that is trained: what they make of an image never changes. */
export interface FrozenPrefix {
  /** The last of them, `blocks.i.j`: a pass may begin with its output. */
  readonly after: string;
  /** Other maps of theirs that are fused or wanted above (`stem`, `blocks.i.j`, `blocks.i.j.attn`). */
  readonly known: readonly string[];
}

/**
 * The frozen prefix of an encoder in which the parameters at `trained` are, with the maps that a pass from there needs for
 * `features`; undefined where the stem or the first block is trained.
 */
export function frozenPrefix(
  config: MobileNetV5Config,
  trained: readonly string[],
  features: readonly string[],
): FrozenPrefix | undefined {
  const arch = architecture(config);
  const blocks = placedBlocks(arch);
  const isTrained = (part: string): boolean => trained.some((path) => path.startsWith(`${part}.`));
  const first = blocks.findIndex(({ name }) => isTrained(name));
  const frozen = first < 0 ? blocks : blocks.slice(0, first);
  const last = frozen.at(-1);
  if (last === undefined || isTrained('conv_stem')) return undefined;
  const ends = new Map(frozen.map(({ name, endsStage }) => [`stage.${endsStage}`, name]));
  const fused = arch.fused.map((stage) => (stage < 0 ? 'stem' : `stage.${stage}`));
  const below = new Set(['stem', ...frozen.flatMap(({ name }) => [name, `${name}.attn`])]);
  const needed = [...fused, ...features].map((name) => ends.get(name) ?? name).filter((name) => below.has(name));
  return { after: last.name, known: [...new Set(needed)].filter((name) => name !== last.name) };
}
