/** At most `limit` of the items, spread evenly, so that a list sorted by split keeps every split. */
export function spread<T>(items: readonly T[], limit = items.length): readonly T[] {
  if (limit >= items.length) return items;
  return Array.from({ length: limit }, (_, i) => items[Math.floor((i * items.length) / limit)] as T);
}
