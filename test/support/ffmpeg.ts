import { execFileSync } from 'node:child_process';
import { findFfmpeg } from 'gemma-3ncore/files/ffmpeg';

/** The ffmpeg of this machine, or why a test that needs it is skipped. */
export async function ffmpegOrSkip(): Promise<{ program: string; skip: false } | { program: ''; skip: string }> {
  const program = await findFfmpeg();
  return program === undefined ? { program: '', skip: 'no ffmpeg on this machine' } : { program, skip: false };
}

/** Makes a video of `frames` frames of a moving test picture. */
export function makeVideo(program: string, path: string, frames: number, ...options: string[]): void {
  const source = `testsrc2=size=112x112:rate=30:duration=${frames / 30}`;
  execFileSync(program, [
    '-v',
    'error',
    '-y',
    '-f',
    'lavfi',
    '-i',
    source,
    ...options,
    '-frames:v',
    String(frames),
    path,
  ]);
}
