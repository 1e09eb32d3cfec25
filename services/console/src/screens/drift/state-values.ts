import type { FieldDiff } from '@convergekit/reconcile/operate';
import { shownPayload } from '../../payload.ts';
import type { PayloadPrivacy } from '../../screen.ts';

/**
 * Returns a value of a state as its shape, or nothing of it: states are business data as the payloads of events are. Absent stays
 * absent, and null stays null: both are part of a diff. Pure.
 */
export function hiddenValue(value: unknown, payloads: PayloadPrivacy): unknown {
  if (value === undefined || value === null) return value;
  const text = shownPayload(JSON.stringify(value), payloads);
  return text === undefined ? '‹hidden›' : (JSON.parse(text) as unknown);
}

type Field = Omit<FieldDiff, 'field'> & { readonly field: string };

/** Returns fields with a name for the one of a side that is no object. Pure. */
export function named(fields: readonly FieldDiff[]): Field[] {
  return fields.map((one) => ({ ...one, field: one.field ?? '(value)' }));
}

/** Returns fields without their values. Pure. */
export function hidden(fields: readonly FieldDiff[], payloads: PayloadPrivacy): Field[] {
  return named(fields).map((one) => ({
    ...one,
    desired: hiddenValue(one.desired, payloads),
    actual: hiddenValue(one.actual, payloads),
    lastWritten: hiddenValue(one.lastWritten, payloads),
  }));
}

interface Repair {
  readonly before: unknown;
  readonly after: unknown;
}

/** Returns a repair without the values of its states. Pure. */
export function hiddenRepair<One extends Repair>(one: One, payloads: PayloadPrivacy): One {
  return { ...one, before: hiddenValue(one.before, payloads), after: hiddenValue(one.after, payloads) };
}
