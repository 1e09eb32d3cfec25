import type { Repair } from '../../operator.ts';

/** A field that a repair changed, by its path. */
export interface FieldChange {
  readonly field: string;
  /** undefined: the state has no such field. */
  readonly before: unknown;
  readonly after: unknown;
}

/** Lists the fields that differ between two JSON states, in the order of their names. Pure. */
export function fieldChanges(before: unknown, after: unknown, path = ''): readonly FieldChange[] {
  if (isBranch(before) && isBranch(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].toSorted();
    return names.flatMap((name) =>
      fieldChanges(before[name], after[name], path === '' ? name : `${path}.${name}`),
    );
  }
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  return [{ field: path === '' ? '(value)' : path, before, after }];
}

/** Formats repairs: for each reconciler the first ones field by field, and the number of others. Pure. */
export function repairReport(repairs: readonly Repair[], each = 2): readonly string[] {
  const kinds = Map.groupBy(repairs, ({ reconciler }) => reconciler);
  return [...kinds].flatMap(([reconciler, some]) => [
    `${reconciler}: ${some.length} ${some.length === 1 ? 'key' : 'keys'}`,
    ...some.slice(0, each).flatMap(repairLines),
    ...(some.length > each ? [`  … and ${some.length - each} more`] : []),
  ]);
}

function repairLines({ key, before, after, why }: Repair): readonly string[] {
  const changes = fieldChanges(before, after);
  const width = Math.max(0, ...changes.map(({ field }) => field.length));
  return [
    `  ${key}: ${why}`,
    ...changes.map(
      (one) => `    ${one.field.padEnd(width)}  ${valueText(one.before)} → ${valueText(one.after)}`,
    ),
  ];
}

function valueText(value: unknown): string {
  return value === undefined ? '-' : JSON.stringify(value);
}

function isBranch(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
