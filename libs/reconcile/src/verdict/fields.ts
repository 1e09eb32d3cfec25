import { isDeepStrictEqual } from 'node:util';

/** A field of a diff, by name. `null` as name is a state that has no fields, such as a number. */
export interface FieldDifference {
  readonly field: string | null;
  readonly desired: unknown;
  readonly actual: unknown;
  /** True if both states have the field, and its values differ. */
  readonly differs: boolean;
}

/** Returns the state without some of its fields. A state without fields is returned as it is. Pure. */
export function withoutFields(state: unknown, drop: (field: string) => boolean): unknown {
  if (!hasFields(state)) return state;
  return Object.fromEntries(Object.entries(state).filter(([field]) => !drop(field)));
}

/** Lists the fields that differ between two states of one side. A missing row has no fields. Pure. */
export function changedFields(before: unknown, after: unknown): readonly string[] {
  const [from, to] = [fieldsOf(before), fieldsOf(after)];
  return [...new Set([...Object.keys(from), ...Object.keys(to)])].filter(
    (field) => !isDeepStrictEqual(from[field] ?? null, to[field] ?? null),
  );
}

/** Compares two sides field by field, for display. Pure. */
export function diffFields(desired: unknown, actual: unknown): readonly FieldDifference[] {
  const [wanted, found] = [fieldsOf(desired), fieldsOf(actual)];
  const names = [...new Set([...Object.keys(wanted), ...Object.keys(found)])].toSorted();
  const fields = names.map((field) => ({
    field,
    desired: wanted[field],
    actual: found[field],
    differs:
      Object.hasOwn(wanted, field) &&
      Object.hasOwn(found, field) &&
      !isDeepStrictEqual(wanted[field], found[field]),
  }));
  if (hasFields(desired) && hasFields(actual)) return fields;
  const whole = {
    field: null,
    desired: hasFields(desired) ? undefined : desired,
    actual: hasFields(actual) ? undefined : actual,
    differs: !hasFields(desired) && !hasFields(actual) && !isDeepStrictEqual(desired, actual),
  };
  return [whole, ...fields];
}

function fieldsOf(state: unknown): Readonly<Record<string, unknown>> {
  return hasFields(state) ? state : {};
}

/** Tests if a state has named fields: a plain object. Pure. */
export function hasFields(state: unknown): state is Readonly<Record<string, unknown>> {
  if (typeof state !== 'object' || state === null) return false;
  const prototype: unknown = Object.getPrototypeOf(state);
  return prototype === Object.prototype || prototype === null;
}
