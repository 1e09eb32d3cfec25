import { readWaiting, type WaitingKey } from '@convergekit/reconcile/operate';
import { executorOf } from '@convergekit/postgres';
import type { Reconciler, RunCounts } from '@convergekit/reconcile';
import type { Database } from '@convergekit/postgres';
import { type Result, result, tableOf } from '../../frame/result.ts';
import { waitingText } from './diff-text.ts';
import { outcomesText } from './status-text.ts';

/** Keys of each reconciler that are listed with their reason. */
const SHOWN = 20;

/** Reads the keys that a single run left waiting, by reconciler. */
export async function readLeft(
  reconcilers: readonly Reconciler[],
  databases: Readonly<Record<string, Pick<Database<never>, 'db'>>>,
): Promise<ReadonlyMap<string, readonly WaitingKey[]>> {
  const left = new Map<string, readonly WaitingKey[]>();
  for (const { name, actual } of reconcilers) {
    const database = databases[actual.in];
    if (database !== undefined)
      left.set(name, await readWaiting(executorOf(database.db), name, { limit: SHOWN }));
  }
  return left;
}

/** Outcomes that make the command exit with 1: an operator must look. */
const BAD = ['failed', 'refused', 'unknown', 'unresolvable', 'flapping', 'held'] as const;

/** Counts of a single run, and why keys are left, with the time of their next look. */
export function onceResult(
  counts: ReadonlyMap<string, RunCounts>,
  left: ReadonlyMap<string, readonly WaitingKey[]>,
): Result {
  const value = Object.fromEntries(
    [...counts].map(([name, one]) => [name, { ...one, waiting: left.get(name) ?? [] }]),
  );
  const lines = () => [
    ...tableOf([...counts], 'no reconcilers', {
      name: ([name]) => name,
      keys: ([, { keys }]) => keys,
      unknown: ([, { unknown }]) => unknown,
      outcomes: ([, { outcomes }]) => outcomesText(outcomes),
    }),
    ...[...left].flatMap(([name, keys]) => keys.map((key) => `${name} ${key.key}: ${waitingText(key)}`)),
  ];
  const ok = [...counts.values()].every(
    ({ outcomes, unknown }) => unknown === 0 && BAD.every((kind) => (outcomes[kind] ?? 0) === 0),
  );
  return result(value, lines, ok);
}
