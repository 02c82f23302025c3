import { BadInput } from '../host/errors.js';
import { printable } from '../host/text.js';
import { frameHash } from './feature_cache.js';
import type { FramePool } from './frame_pool.js';
import type { DecodedStudy, Extraction, FramePair } from './frames.js';
import type { FrameGeometry, Study } from './study.js';

/** sha256 of the two frames of a study. */
export interface FrameHashes {
  readonly ED: string;
  readonly ES: string;
}

/** A study whose frames have been decoded once, and what they were. */
export interface HashedStudy {
  readonly study: Study;
  readonly hashes: FrameHashes;
  readonly geometry: FrameGeometry;
}

/** The ED and ES frames of studies, decoded again whenever they are asked for and not at hand. */
export interface FrameSource {
  /** Begins to decode what will be asked for soon, as far as there is room. */
  prefetch(studies: readonly HashedStudy[]): void;
  /** @throws BadInput when the frames cannot be decoded any more or are others than they were. */
  read(study: HashedStudy): Promise<FramePair>;
}

/** Bytes of decoded frames that stay at hand: 1,300 studies of EchoNet-Dynamic; a run of a few hundred decodes each once. */
export const roomBytes = 32 * 2 ** 20;

/** Studies whose frames may be under way at once: a few optimizer steps'. */
const mostUnderWay = 64;

/** The hashes of a study's frames. */
function hashesOf({ ED, ES }: Pick<FramePair, 'ED' | 'ES'>): FrameHashes {
  return { ED: frameHash(ED), ES: frameHash(ES) };
}

/** What is kept of a study's frames once they have been decoded. */
export function hashedStudy({ study, frames }: DecodedStudy): HashedStudy {
  const { height, width } = frames.ED;
  return { study, hashes: hashesOf(frames), geometry: { height, width, ...frames.framing } };
}

function framesOf({ study, hashes }: HashedStudy, extraction: Extraction): FramePair {
  const where = printable(study.id);
  if (extraction.kind === 'unreadable') {
    throw new BadInput({ where, expected: 'frames that decode as they did before', got: extraction.reason });
  }
  const { frames } = extraction;
  const found = hashesOf(frames);
  if (found.ED === hashes.ED && found.ES === hashes.ES) return frames;
  const fix = 'leave the data as it is while a run reads it';
  throw new BadInput({ where, expected: 'the frames it had when the run began', got: 'others', fix });
}

const bytesOf = ({ ED, ES }: FramePair): number => ED.data.length + ES.data.length;

/** Decodes with a pool; keeps of what was decoded what was asked for last, up to `room` bytes. */
export function openFrameSource(pool: FramePool, room = roomBytes): FrameSource {
  // In the order of their last use.
  const held = new Map<Study, FramePair>();
  const underWay = new Map<Study, Promise<FramePair>>();
  let bytes = 0;
  const hold = (study: Study, frames: FramePair): void => {
    held.set(study, frames);
    bytes += bytesOf(frames);
    for (const [oldest, pair] of held) {
      if (bytes <= room || oldest === study) break;
      held.delete(oldest);
      bytes -= bytesOf(pair);
    }
  };
  const decode = async (hashed: HashedStudy): Promise<FramePair> => {
    try {
      const frames = framesOf(hashed, await pool.extract(hashed.study));
      hold(hashed.study, frames);
      return frames;
    } finally {
      underWay.delete(hashed.study);
    }
  };
  const begin = (hashed: HashedStudy): Promise<FramePair> => {
    const started = decode(hashed);
    underWay.set(hashed.study, started);
    return started;
  };
  return {
    prefetch(studies) {
      for (const hashed of studies) {
        if (underWay.size >= mostUnderWay) return;
        if (held.has(hashed.study) || underWay.has(hashed.study)) continue;
        // Whoever asks for these frames is told what is wrong with them.
        begin(hashed).catch(() => undefined);
      }
    },
    async read(hashed) {
      const { study } = hashed;
      const frames = held.get(study);
      if (frames === undefined) return underWay.get(study) ?? begin(hashed);
      held.delete(study);
      held.set(study, frames);
      return frames;
    },
  };
}
