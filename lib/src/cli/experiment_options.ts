import { InvalidArgumentError, Option, type Command } from 'commander';
import { datasetNames } from '../data/dataset.js';

/** A whole number from the command line. */
export function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('Expected a whole number.');
  return Number(text);
}

/** The options that say something over a configuration. */
export function addExperimentOptions(command: Command): Command {
  return command
    .option('--config <file>', 'a configuration written by "3ncore init" (default: the preset phantom)')
    .addOption(new Option('--dataset <name>', 'the data set').choices(datasetNames))
    .option('--data-root <dir>', "the data set's folder")
    .option('--limit <n>', 'at most so many studies of each split', wholeNumber)
    .option('--seed <n>', 'the seed', wholeNumber);
}
