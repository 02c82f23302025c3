import { Command, Option } from 'commander';
import { readJsonObject } from '../files/json.js';
import { abortOnInterrupt } from '../host/abort.js';
import { BadInput } from '../host/errors.js';
import { printable } from '../host/text.js';
import { e2bSlice, matformerSlice } from '../models/matformer.js';
import { sliceModel, type ChooseSlice, type SlicedModel } from '../slice.js';

interface SliceFlags {
  readonly out: string;
  readonly preset?: 'e2b';
  readonly config?: string;
  readonly json?: boolean;
}

function chosen({ preset, config }: SliceFlags): ChooseSlice {
  if ((preset === undefined) === (config === undefined)) {
    const got = preset === undefined ? 'neither' : 'both';
    throw new BadInput({ where: '--preset and --config', expected: 'one of them', got });
  }
  if (config === undefined) return e2bSlice;
  const json = readJsonObject(config);
  return (base) => matformerSlice(json, base, config);
}

const millions = (n: number): string => `${(n / 1e6).toFixed(1)} million`;

function toText({ folder, files, slice, parameters, bytes }: SlicedModel): string {
  const count = files.length === 1 ? '1 file' : `${files.length} files`;
  return [
    `${printable(folder, 400)}: ${slice.layers.length} layers, ${millions(parameters.slice)} of ${millions(parameters.base)} parameters, ${count} of ${(bytes / 1e6).toFixed(0)} MB`,
    "The language model's feed-forward networks alone are nested: vision encoder, audio encoder and embedders are the base's, and an adapter for its vision encoder fits both.",
    'NOTICE in it says what was changed and whose terms hold.',
  ].join('\n');
}

async function run(folder: string, flags: SliceFlags): Promise<void> {
  const { signal, release } = abortOnInterrupt();
  try {
    const found = await sliceModel(folder, flags.out, chosen(flags), signal);
    process.stdout.write(`${flags.json === true ? JSON.stringify(found, null, 2) : toText(found)}\n`);
  } finally {
    release();
  }
}

/** `3ncore slice MODEL_FOLDER --out DIR`: a smaller Gemma 3n out of a larger one. */
export function sliceCommand(): Command {
  return new Command('slice')
    .description('write a smaller Gemma 3n that MatFormer trained inside a larger one, e.g. E2B inside E4B')
    .argument('<folder>', 'the larger model: config.json and safetensors')
    .requiredOption('--out <dir>', 'the new folder')
    .addOption(new Option('--preset <name>', 'the slice that is Gemma 3n E2B').choices(['e2b']))
    .option('--config <file>', 'a JSON file: {"layers": [0, 1, …], "intermediate_size": [8192, …]}, one width a layer')
    .option('--json', 'print one JSON document')
    .action(run);
}
