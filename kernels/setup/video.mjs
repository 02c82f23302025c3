import { existsSync } from 'node:fs';
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
      await runCommand(process.execPath, ['install.js'], { cwd: folder, seconds: secondsAllowed, quiet: true });
    } catch (error) {
      if (!(error instanceof CommandFailure)) throw error;
    }
    if (existsSync(`${folder}/ffmpeg`)) return { detail: 'ffmpeg of ffmpeg-static' };
    return {
      detail: 'not installed',
      warning:
        'ffmpeg could not be downloaded: only motion-JPEG videos can be read unless FFMPEG_PATH or PATH names an ffmpeg',
    };
  },
};
