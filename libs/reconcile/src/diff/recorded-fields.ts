import { diffFields, hasFields } from '../verdict/fields.ts';
import type { FieldDiff } from './diff-key.ts';
import type { DriftKey } from './drift-sql.ts';

/** Compares the recorded states of a key field by field. Which fields a repair owns is not recorded. Pure. */
export function recordedFields({
  recorded,
  lastWritten,
}: Pick<DriftKey, 'recorded' | 'lastWritten'>): readonly FieldDiff[] {
  if (recorded === null) return [];
  return diffFields(recorded.desired, recorded.actual).map(({ differs, ...one }) => ({
    ...one,
    lastWritten: lastWrittenOf(lastWritten, one.field),
    marks: differs ? ['differs'] : [],
  }));
}

function lastWrittenOf(state: unknown, field: string | null): unknown {
  if (!hasFields(state)) return field === null ? state : undefined;
  return field === null ? undefined : state[field];
}
