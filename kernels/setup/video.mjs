import { rmSync } from 'node:fs';
import { CommandFailure, runCommand } from './command.mjs';
import { inRoot } from './project.mjs';
import { hashFiles } from './stamp.mjs';

const folder = inRoot('node_modules', 'ffmpeg-static');
const secondsAllowed = 30;

/** ffmpeg, for videos that are not motion JPEG: the package's own download; without it those videos are told as unreadable. */
export const video = {
  name: 'video',
  stamp: inRoot('node_modules', 'ffmpeg-static', '.setup.json'),
  inputs: () => hashFiles(`${folder}/package.json`),
  present: () => true,
  async run() {
    try {
      await runCommand(process.execPath, ['install.js'], { cwd: folder, seconds: secondsAllowed });
      return { detail: 'ffmpeg of ffmpeg-static' };
    } catch (error) {
      if (!(error instanceof CommandFailure)) throw error;
      rmSync(`${folder}/ffmpeg`, { force: true });
    }
    return {
      detail: 'not installed',
      warning:
        'ffmpeg could not be downloaded: without one on PATH or in FFMPEG_PATH only motion-JPEG videos can be read',
    };
  },
};
