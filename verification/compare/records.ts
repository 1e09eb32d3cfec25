import type { Recorded } from './program/desk.ts';

export function headerOf({ headers }: Recorded, wanted: string): string {
  return headers.find(([name]) => name === wanted)?.[1] ?? '';
}

export const idOf = (record: Recorded): string => headerOf(record, 'ce_id');

/** A relay sends again what it does not know to be sent, so a log may have an event twice after a kill. */
export function withoutRepeats(log: readonly Recorded[]): readonly Recorded[] {
  return [...Map.groupBy(log, idOf).values()].flatMap(([first]) => first ?? []);
}
