import { Command } from 'commander';
import { abortOnInterrupt } from '../host/abort.js';
import { verify, type VerifyReport } from '../verify.js';

function formatReport({ cases, notReplayed, passed, engine }: VerifyReport): string {
  const lines = cases.map((c) => {
    const verdict = c.passed ? 'pass' : 'FAIL';
    if (c.worst === null) return `${verdict}  ${c.name}  ${c.where}`;
    const error = `worst ${c.worst.toExponential(2)} of ${(c.tolerance ?? 0).toExponential(2)} allowed`;
    return `${verdict}  ${c.name}  ${error} at ${c.where}  (${c.tensors} tensors)`;
  });
  if (notReplayed.length > 0) lines.push(`not replayed yet: ${notReplayed.join(', ')}`);
  const failed = cases.filter((c) => !c.passed).length;
  lines.push(
    cases.length === 0
      ? 'FAIL  no golden case of a kind that is replayed was found'
      : `${passed ? 'passed' : 'FAILED'}: ${cases.length - failed} of ${cases.length} on engine ${engine}`,
  );
  return lines.join('\n');
}

/** `3ncore verify DIR… [--json]`: exit 1 when a case fails or none was found. */
export function verifyCommand(): Command {
  return new Command('verify')
    .description('replay golden cases and compare with their reference numbers')
    .argument('<dir...>', 'a golden root, the folder of a kind, or one case')
    .option('--json', 'print one JSON document')
    .action(async (dirs: string[], { json }: { json?: boolean }) => {
      const { signal, release } = abortOnInterrupt();
      try {
        const report = await verify(dirs, signal);
        process.stdout.write(`${json ? JSON.stringify(report, null, 2) : formatReport(report)}\n`);
        if (!report.passed) process.exitCode = 1;
      } finally {
        release();
      }
    });
}
