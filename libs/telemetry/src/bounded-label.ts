const MOST = 100;
const seen = new Map<string, Set<string>>();

/**
 * A label value that comes from outside (an error's code): the first hundred of a name are taken as they are, all later
 * ones are `other`. An error that carries an id in its code must not make a time series each time.
 */
export function boundedLabel(name: string, value: string): string {
  const values = seen.get(name) ?? new Set<string>();
  seen.set(name, values);
  if (values.has(value)) return value;
  if (values.size >= MOST || value.length > 100) return 'other';
  values.add(value);
  return value;
}
