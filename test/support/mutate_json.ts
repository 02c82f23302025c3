import type { Random } from 'gemma-3ncore/tree/random';

/** Values that no field expects. */
const odd: readonly unknown[] = [
  ...[null, true, false, '', 'x', -1, 0, 0.5, 1e308, 2 ** 53, '\u0000', '\u202e<b>', 'é'.repeat(3000), '__proto__'],
  ...[[], [[]], {}, { length: 3 }, { constructor: 1 }, Array(500).fill(0), [null], ['(('], 'toString', NaN],
];

/** The nested containers of a value, itself among them. */
function containersOf(value: unknown): (unknown[] | Record<string, unknown>)[] {
  if (typeof value !== 'object' || value === null) return [];
  return [value as Record<string, unknown>, ...Object.values(value).flatMap(containersOf)];
}

/** A copy of a JSON value with one to three fields changed, left out, added or exchanged. */
export function mutateJson(value: object, random: Random): unknown {
  const copy = structuredClone(value);
  for (let faults = 1 + random.integer(3); faults > 0; faults--) {
    const containers = containersOf(copy);
    const container = containers[random.integer(containers.length)] as Record<string, unknown>;
    const keys = Object.keys(container);
    const key = keys.length > 0 ? keys[random.integer(keys.length)]! : 'new';
    const other = keys.length > 0 ? container[keys[random.integer(keys.length)]!] : 1;
    const choices = structuredClone([odd[random.integer(odd.length)], other, undefined]);
    const chosen = choices[random.integer(choices.length)];
    if (random.integer(5) === 0) container[`${key}${random.integer(10)}`] = chosen;
    else if (chosen === undefined && !Array.isArray(container)) delete container[key];
    else container[key] = chosen;
  }
  return copy;
}
