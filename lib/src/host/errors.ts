import { printable } from './text.js';

/** What {@link BadInput} says: where the input stands, what was expected there, what was found, what to do. */
export interface BadInputDetails {
  /** File, field, row or option, e.g. `FileList.csv, row 12, column EF`. */
  readonly where: string;
  readonly expected: string;
  readonly got: string;
  /** What the user can do about it, as an imperative clause. */
  readonly fix?: string;
}

/** Characters of a message that may come from data. */
const longest = { where: 1000, got: 500 };

/**
 * Input that a person can mend: one sentence, printable whatever the data hold, and exit code 2; any other error is a bug and
 * keeps its stack.
 */
export class BadInput extends Error {
  override readonly name = 'BadInput';

  constructor(
    readonly details: BadInputDetails,
    options?: ErrorOptions,
  ) {
    const { where, expected, got, fix } = details;
    const found = printable(got, longest.got);
    const place = printable(where, longest.where);
    super(`${place}: expected ${expected}, got ${found}${fix === undefined ? '' : `; ${fix}`}.`, options);
  }
}

/** The run was stopped by the user (SIGINT): exit code 130. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';

  constructor(what = 'interrupted') {
    super(what);
  }
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
