import { Command } from 'commander';
import { gatherModel, type GatheredModel } from '../gather.js';
import { abortOnInterrupt } from '../host/abort.js';
import { printable } from '../host/text.js';
import { addTermsOption, termsOptions, type TermsFlags } from './terms_options.js';

interface GatherFlags extends TermsFlags {
  readonly json?: boolean;
}

function toText({ name, folder, files, bytes, notes }: GatheredModel): string {
  const count = files.length === 1 ? '1 file' : `${files.length} files`;
  const lines = [`${name}: ${count} of weights, ${(bytes / 1e6).toFixed(0)} MB, in ${printable(folder, 400)}`];
  return [...lines, ...notes.map((note) => `  ${printable(note, 400)}`)].join('\n');
}

async function gather(names: readonly string[], flags: GatherFlags): Promise<void> {
  const { signal, release } = abortOnInterrupt();
  try {
    const found: GatheredModel[] = [];
    for (const name of names) found.push(await gatherModel(name, { ...termsOptions(flags), signal }));
    const text = flags.json === true ? JSON.stringify(found, null, 2) : found.map(toText).join('\n');
    process.stdout.write(`${text}\n`);
  } finally {
    release();
  }
}

/** `3ncore gather`: weights from the hub into its cache, once their terms are accepted. */
export function gatherCommand(): Command {
  const command = new Command('gather').description("bring weights of data-manifests/models into the hub's cache");
  return addTermsOption(command)
    .argument('<names...>', 'their names, e.g. google/medsiglip-448')
    .option('--json', 'print one JSON document')
    .action(gather);
}
