import { Command, CommanderError } from 'commander';
import { cacheCommand } from './cli/cache.js';
import { dataCommand } from './cli/data.js';
import { exportCommand } from './cli/export.js';
import { gatherCommand } from './cli/gather.js';
import { initCommand } from './cli/init.js';
import { miniaturesCommand } from './cli/miniatures.js';
import { predictCommand } from './cli/predict.js';
import { runsCommand } from './cli/runs.js';
import { sliceCommand } from './cli/slice.js';
import { startCommand } from './cli/start.js';
import { trainCommand } from './cli/train.js';
import { verifyCommand } from './cli/verify.js';
import { BadInput, Interrupted } from './host/errors.js';

/** The command-line program `3ncore`. */
export function program(): Command {
  return new Command('3ncore')
    .description(
      'Distils MedSigLIP into MobileNetV5 to read EDV, ESV and EF from echocardiograms. For research only; not for clinical use.',
    )
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, '3ncore: ')) })
    .addCommand(cacheCommand())
    .addCommand(dataCommand())
    .addCommand(startCommand())
    .addCommand(exportCommand())
    .addCommand(gatherCommand())
    .addCommand(initCommand())
    .addCommand(miniaturesCommand())
    .addCommand(predictCommand())
    .addCommand(runsCommand())
    .addCommand(sliceCommand())
    .addCommand(trainCommand())
    .addCommand(verifyCommand());
}

/** Commander's settings are not inherited by commands that were made elsewhere. */
function inherit(parent: Command): void {
  for (const command of parent.commands) {
    command.copyInheritedSettings(parent);
    inherit(command);
  }
}

/** The exit code of anything thrown: 2 bad input, 130 interrupted, 1 a bug, whose stack is shown. */
export function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof BadInput) {
    process.stderr.write(`3ncore: ${error.message}\n`);
    return 2;
  }
  if (error instanceof Interrupted) {
    process.stderr.write(`3ncore: ${error.message}\n`);
    return 130;
  }
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return 1;
}

/** Runs the program; commands set `process.exitCode` to 1 for a failed check. */
export async function main(argv: readonly string[]): Promise<void> {
  const cli = program();
  inherit(cli);
  try {
    await cli.parseAsync([...argv]);
  } catch (error) {
    process.exitCode = report(error);
  }
}
