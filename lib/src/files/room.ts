import { BadInput } from '../host/errors.js';

const outOfRoom = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** The code of the system call that an error, or what caused it, comes from. */
function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  return (error as NodeJS.ErrnoException).code ?? codeOf(error.cause);
}

/**
 * Writes something large that a run can do without for now.
 * @throws BadInput saying what there was no room for when the disk is full, a quota or a limit of file sizes is reached.
 */
export async function withRoom(what: string, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (!outOfRoom.has(codeOf(error) ?? '')) throw error;
    throw new BadInput(
      {
        where: what,
        expected: 'room to write it',
        got: 'a full disk (or the end of a quota or limit)',
        fix: 'free some space and go on with --resume: the last checkpoint is whole',
      },
      { cause: error },
    );
  }
}
