/** Messages go to stderr (results alone go to stdout), so that `--json` output stays one document. */
export function info(message: string): void {
  process.stderr.write(`${message}\n`);
}

/** A message about something the user should know although the work goes on. */
export function warn(message: string): void {
  process.stderr.write(`warning: ${message}\n`);
}
