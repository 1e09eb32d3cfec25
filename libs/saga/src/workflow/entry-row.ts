import type { Entry } from './entry.ts';

/** An entry, as its row has it. */
export interface EntryRow {
  readonly kind: string;
  readonly step: number | null;
  readonly path: string;
  readonly data: string;
}

export function rowOf({ kind, path, ...rest }: Entry): EntryRow {
  const { step, ...data } = { step: null, ...rest };
  return { kind, step, path, data: JSON.stringify(data) };
}

/** Throws when `data` is no JSON object. The kind is the table's, which checks it. */
export function entryOf({ kind, step, path, data }: EntryRow): Entry {
  const rest: unknown = JSON.parse(data);
  if (typeof rest !== 'object' || rest === null) throw new TypeError('its data is no object');
  return { ...rest, kind, path, ...(step === null ? {} : { step }) } as Entry;
}
