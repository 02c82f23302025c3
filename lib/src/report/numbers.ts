/** A number for people: fixed decimals, grouped thousands, a true minus sign, `–` where not defined. */
export function formatNumber(value: number | null, digits = 2): string {
  if (value === null || !Number.isFinite(value)) return '–';
  const text = value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return text.replace(/^-(?=[0.]*$)/, '').replace('-', '−');
}

/** As few decimals as show three significant digits: 0.0123, 1.23, 12.3, 123, 12,300. */
export function formatSignificant(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return '–';
  if (value === 0) return '0';
  return value.toLocaleString('en-US', { maximumSignificantDigits: 3 }).replace('-', '−');
}

/** `4.67 [2.57, 7.13]`. */
export function formatInterval(
  { value, low, high }: { value: number | null; low: number | null; high: number | null },
  digits = 2,
): string {
  return `${formatNumber(value, digits)} [${formatNumber(low, digits)}, ${formatNumber(high, digits)}]`;
}
