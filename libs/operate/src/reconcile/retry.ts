import { readDriftKeys, retryKeys } from '@convergekit/reconcile/operate';
import { lastActs } from '../audit/last-acts.ts';
import { UsageError } from '../host/errors.ts';
import { act } from '../registry/act.ts';
import { requireExpected } from '../registry/each.ts';
import { type InputOf, name as nameOf, names, text } from '../registry/fields.ts';
import type { Reads } from '../registry/reads.ts';
import { counted } from '../text.ts';
import { type Chosen, concernedOf, requireReconciler, tables } from './chosen.ts';

const input = {
  name: nameOf('a reconciler, as `reconcile list` names it'),
  keys: names('keys, as `reconcile audit` shows them; or --verdict'),
  verdict: text('verdict', 'all keys with this verdict, such as unresolvable or flapping'),
};

/** Keys of one act, which is one transaction. */
const MOST = 10_000;

/** The only way back, besides a new event, for a key that is left to an operator: its counters start again. */
export const retry = act({
  name: 'reconcile.retry',
  title: 'Compare again',
  summary: 'compare keys again before all others, also those that are left to an operator',
  did: 'retried',
  tables,
  input,
  asks: () => false,
  concerns: (reads, { name }) => concernedOf(reads, { names: [name] }),
  preview: async (reads, given) => {
    const { keys, database } = await keysOf(reads, given);
    return {
      eligible: keys.length,
      unit: keys.length === 1 ? 'key' : 'keys',
      others: [],
      effect: 'Each is compared next, before all others, and its counters start again.',
      refusal: 'NOTHING_NAMED',
      notes: [
        ...(await lastActs(database.executor, [given.name], 'reconciler')),
        ...(given.keys.length === 0 && keys.length === MOST
          ? [`at most ${MOST} keys are retried at a time`]
          : []),
      ],
      things: () => Promise.resolve({ rows: keys.map((key) => ({ key })), lines: keys }),
    };
  },
  run: async (reads, given, acting) => {
    const { keys, database } = await keysOf(reads, given);
    requireExpected(keys.length, 'keys match', acting);
    const { by, reason } = acting;
    const { name } = given;
    await retryKeys(database.executor, name, keys, { by, reason });
    return {
      text: `${counted(keys.length, 'key', 'keys')} of ${name} retried`,
      changed: keys.length,
      lines: keys.map((key) => `${key}: compared next`),
      value: { reconciler: name, keys, by, reason },
    };
  },
});

async function keysOf(
  reads: Reads,
  { name, keys, verdict }: InputOf<typeof input>,
): Promise<{ readonly keys: readonly string[]; readonly database: Chosen['database'] }> {
  if (keys.length === 0 && verdict === undefined)
    throw new UsageError('NOTHING_NAMED', `name keys of ${name}, or give --verdict <verdict>`);
  const { database } = await requireReconciler(reads, name);
  if (keys.length > 0) return { keys: [...new Set(keys)], database };
  return { keys: await readDriftKeys(database.executor, name, { verdict, limit: MOST }), database };
}
