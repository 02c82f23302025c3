/** A row of a table, by what it speaks of and by what it says of that. */
export interface KeyedRow {
  /** As a spreadsheet counts. */
  readonly row: number;
  readonly key: string;
  readonly content: string;
}

/**
 * Why rows are duplicates, by row number. Of rows that say the same the first counts; where they differ none does, since
 * nobody can tell which is right.
 */
export function duplicateRows(rows: Iterable<KeyedRow>): Map<number, string> {
  const byKey = new Map<string, KeyedRow[]>();
  for (const row of rows) {
    const same = byKey.get(row.key);
    if (same === undefined) byKey.set(row.key, [row]);
    else same.push(row);
  }
  const reasons = new Map<number, string>();
  for (const same of byKey.values()) {
    if (same.length === 1) continue;
    const [first, ...later] = same.map(({ row }) => row);
    if (new Set(same.map(({ content }) => content)).size === 1) {
      for (const row of later) reasons.set(row, `duplicate row: row ${row} says the same as row ${first}`);
    } else {
      const listed = `rows ${[first, ...later].join(', ')}`;
      for (const { row } of same) reasons.set(row, `duplicate rows that differ: ${listed}`);
    }
  }
  return reasons;
}
