import { executorOf } from '@convergekit/postgres';
import { toJson } from '../verdict/canonical.ts';
import type { Databases } from '../definition.ts';
import { observe } from '../observe.ts';
import type { Reconciler } from '../reconciler.ts';
import { diffFields, hasFields } from '../verdict/fields.ts';
import { modeOf } from '../verdict/modes.ts';
import { reasonOf } from '../verdict/verdict.ts';
import { type DriftRow, readLastWritten, readWaiting, type WaitingKey } from './drift-sql.ts';

/** `version`: the guard compares it. `owned`: a repair may change it. Else the mode of the field, if it is not `repair`. */
type FieldMark = 'differs' | 'ignored' | 'owned' | 'version' | 'observe' | 'warn';

/** A field of both sides as JSON values; undefined = that side has no such field. `field` null: a state without fields. */
export interface FieldDiff {
  readonly field: string | null;
  readonly desired: unknown;
  readonly actual: unknown;
  readonly lastWritten: unknown;
  readonly marks: readonly FieldMark[];
}

/** A key as an operator sees it. `verdict` is of this look alone: the settle window and the limits are not asked. */
export interface KeyDiff {
  readonly reconciler: string;
  readonly key: string;
  readonly verdict: 'in_sync' | 'divergent' | 'changed' | 'stale' | 'unknown';
  /** What a repair would get, as JSON; null without a drift. */
  readonly drift: unknown;
  /** The mode that applies to the drift. */
  readonly mode: string | null;
  /** Why no program may repair it, or why a side is unknown. */
  readonly reason: string | null;
  readonly fields: readonly FieldDiff[];
  /** Its place in the queue; null = it is not queued. */
  readonly waiting: WaitingKey | null;
}

/** Compares one key for display. Pass read-only transactions: it writes nothing. */
export async function diffKey(
  reconciler: Reconciler,
  databases: Databases<unknown, unknown>,
  key: string,
): Promise<KeyDiff> {
  const { name } = reconciler;
  const executor = executorOf(databases.actual);
  const lastWritten = await readLastWritten(executor, name, key);
  const [waiting] = await readWaiting(executor, name, { key, limit: 1 });
  const base = { reconciler: name, key, drift: null, mode: null, waiting: waiting ?? null };
  const seen = await observe(reconciler, key, databases, null);
  if (seen.kind !== 'read') return { ...base, verdict: seen.kind, reason: reasonOf(seen), fields: [] };
  const { judged } = seen;
  const fields = fieldsOf(reconciler, seen, lastWritten);
  if (judged === null) return { ...base, verdict: 'in_sync', reason: null, fields };
  const reason = reconciler.unresolvable?.(judged.drift) ?? null;
  return { ...base, verdict: 'divergent', drift: plain(judged.drift), mode: judged.mode, reason, fields };
}

function fieldsOf(
  reconciler: Reconciler,
  { desired, actual }: { readonly desired: unknown; readonly actual: unknown },
  lastWritten: unknown,
): readonly FieldDiff[] {
  return diffFields(desired, actual).map(({ field, differs, ...states }) => ({
    field,
    desired: plain(states.desired),
    actual: plain(states.actual),
    lastWritten: fieldOf(lastWritten, field),
    marks: marksOf(reconciler, field, differs),
  }));
}

/** Compares the recorded states of a key field by field. Which fields a repair owns is not recorded. Pure. */
export function recordedFields(
  { desired, actual }: NonNullable<DriftRow['recorded']>,
  lastWritten: unknown,
): readonly FieldDiff[] {
  return diffFields(desired, actual).map(({ differs, ...one }) => ({
    ...one,
    lastWritten: fieldOf(lastWritten, one.field),
    marks: differs ? ['differs'] : [],
  }));
}

function fieldOf(state: unknown, field: string | null): unknown {
  if (!hasFields(state)) return state;
  return field === null ? undefined : state[field];
}

function marksOf(reconciler: Reconciler, field: string | null, differs: boolean): readonly FieldMark[] {
  if (field === null) return differs ? ['differs'] : [];
  if (reconciler.ignore.includes(field)) return ['ignored'];
  // A declared name is a field, although the loops do not know the state's type.
  if (field === (reconciler.version as unknown)) return ['version'];
  const mode = modeOf(reconciler, field);
  const owned = reconciler.owns?.includes(field) ?? false;
  return [
    ...(differs ? (['differs'] as const) : []),
    ...(owned ? (['owned'] as const) : []),
    ...(mode === 'repair' ? [] : [mode]),
  ];
}

/** A value as JSON has it, so that a diff prints and compares like a row of the audit. */
function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(toJson(value));
}
