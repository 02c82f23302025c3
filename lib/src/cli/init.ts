import { existsSync, readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { fileError, writeFileAtomic } from '../files/atomic.js';
import { BadInput } from '../host/errors.js';
import { preset, presetNames, type PresetName } from '../schema/presets.js';

/** What stands in a file. @throws BadInput where it is none that can be read. */
function stored(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw fileError(error, path, 'a file to write');
  }
}

/** `3ncore init`: a complete configuration to edit. */
export function initCommand(): Command {
  return new Command('init')
    .description(
      'write a complete configuration (every field is explained in data-manifests/schemas/experiment.schema.json)',
    )
    .addOption(new Option('--preset <name>', 'which configuration').choices(presetNames).default('phantom'))
    .option('--out <file>', 'the file to write', 'experiment.json')
    .option('--force', 'replace a file that was changed')
    .action(async (options: { preset: PresetName; out: string; force?: boolean }) => {
      const text = `${JSON.stringify(preset(options.preset), null, 2)}\n`;
      if (existsSync(options.out) && options.force !== true && stored(options.out) !== text) {
        throw new BadInput({
          where: options.out,
          expected: 'no file of that name, or the unchanged preset',
          got: 'another file',
          fix: 'give another --out, or --force to replace it',
        });
      }
      await writeFileAtomic(options.out, text);
      process.stdout.write(`${options.out}\n`);
    });
}
