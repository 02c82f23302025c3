import { execFileSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
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

/** Runs `work` with a shell script at `program` in the place of ffmpeg. */
export async function withProgram(program: string, script: string, work: () => Promise<void>): Promise<void> {
  writeFileSync(program, `#!/bin/sh\n${script}\n`);
  chmodSync(program, 0o755);
  const formerly = process.env['FFMPEG_PATH'];
  process.env['FFMPEG_PATH'] = program;
  try {
    await work();
  } finally {
    if (formerly === undefined) delete process.env['FFMPEG_PATH'];
    else process.env['FFMPEG_PATH'] = formerly;
  }
}
