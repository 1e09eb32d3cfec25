const MOST = 100;
const seen = new Map<string, Set<string>>();

/**
 * Bounds the values of a label that come from outside, such as an error's code.
 * The first hundred values of a label are kept, later ones become `other`. An error with an id in its code must not
 * create a time series each time.
 */
export function boundedLabel(name: string, value: string): string {
  const values = seen.get(name) ?? new Set<string>();
  seen.set(name, values);
  if (values.has(value)) return value;
  if (values.size >= MOST || value.length > 100) return 'other';
  values.add(value);
  return value;
}
