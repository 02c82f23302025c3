import { Command, CommanderError } from 'commander';
import { BadInput, Interrupted } from './host/errors.js';

/** The commands by name, loaded when they are needed: DataFrames and figures alone take 150 MB. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  cache: async () => (await import('./cli/cache.js')).cacheCommand(),
  data: async () => (await import('./cli/data.js')).dataCommand(),
  start: async () => (await import('./cli/start.js')).startCommand(),
  export: async () => (await import('./cli/export.js')).exportCommand(),
  gather: async () => (await import('./cli/gather.js')).gatherCommand(),
  init: async () => (await import('./cli/init.js')).initCommand(),
  miniatures: async () => (await import('./cli/miniatures.js')).miniaturesCommand(),
  predict: async () => (await import('./cli/predict.js')).predictCommand(),
  runs: async () => (await import('./cli/runs.js')).runsCommand(),
  slice: async () => (await import('./cli/slice.js')).sliceCommand(),
  train: async () => (await import('./cli/train.js')).trainCommand(),
  verify: async () => (await import('./cli/verify.js')).verifyCommand(),
};

/** The command-line program `3ncore` with one of its commands, or with all of them where the name is none. */
async function program(name: string | undefined): Promise<Command> {
  const cli = new Command('3ncore')
    .description(
      'Distils MedSigLIP into MobileNetV5 to read EDV, ESV and EF from echocardiograms. For research only; not for clinical use.',
    )
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, '3ncore: ')) });
  const wanted = name !== undefined && Object.hasOwn(commands, name) ? [name] : Object.keys(commands);
  for (const each of wanted) cli.addCommand(await (commands[each] as () => Promise<Command>)());
  return cli;
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
  try {
    const cli = await program(argv[2]);
    inherit(cli);
    await cli.parseAsync([...argv]);
  } catch (error) {
    process.exitCode = report(error);
  }
}
