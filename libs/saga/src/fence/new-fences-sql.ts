import { failpoint } from '@convergekit/core/engine';
import type { Executor } from '@convergekit/postgres';
import { sendAhead, sqlState } from '@convergekit/postgres/engine';
import type { Transaction } from 'kysely';
import { changeColumns, type Decided, entrySql, fenceStatement, type FenceWrite } from './decision-sql.ts';
import { endEntryOf, entryOf } from './entry.ts';

/** The place of a new fence. */
interface FencePlace {
  readonly consumer: string;
  readonly key: string;
  /** The start of the run, where its id says it. */
  readonly startedAt: Date | undefined;
}

/** The fence of a step that begins, and perhaps ends, in this transaction. */
export interface NewFence extends FencePlace, Pick<FenceWrite, 'change' | 'withdraws'> {
  /** The outcome of a local step, which has its effect in this transaction; undefined: the step has only begun. */
  readonly ended: EndedAtOnce | undefined;
}

/** The outcome of a step that ended in the transaction in which it began. */
export type EndedAtOnce = Omit<Decided, 'from'>;

const placeColumns = {
  version: ['int', ({ change }: Pick<FenceWrite, 'change'>) => change.version],
  consumer: ['text', ({ consumer }: FencePlace) => consumer],
  key: ['text', ({ key }: FencePlace) => key],
  run_at: ['timestamptz', ({ startedAt }: FencePlace) => startedAt],
} as const;

const isForgottenSql = `exists (select from converge.saga_horizon h where h.saga = g.saga and h.before > g.run_at)`;

// The decision of the table for the begin of a step without a row: see `decideFence`.
const BEGUN: Decided = { from: 'absent', state: 'started', act: 'run', emitted: undefined };
const begunAt = 'transaction_timestamp()';

// A row that is there makes the insert fail (23505), and so does one that may have been removed: its state is null, which
// the table refuses (23502). Two transactions that reach a step at the same time: the second one's insert waits, and fails
// if the first one commits. The cost of a step is one row and two index entries.
const insert = fenceStatement<NewFence>(
  {
    ...changeColumns,
    ...placeColumns,
    state: ['text', ({ ended }) => (ended ?? BEGUN).state],
    begun: [
      'text',
      ({ change }) =>
        entryOf({ change: { ...change, trigger: 'begin', outcome: undefined }, decided: BEGUN }),
    ],
    ended: ['text', ({ change, ended }) => ended && endEntryOf(change, ended)],
  },
  `
    insert into converge.saga_fence as f (saga, instance, step, version, consumer, key, state, seq, journal, intent, result,
      reason_code, reason, cause_event, cause_attempt, created_at, changed_at)
    select g.saga, g.instance, g.step, g.version, g.consumer, g.key, case when not ${isForgottenSql} then g.state end,
        case when g.ended is null then 1 else 2 end,
        array_remove(array[${entrySql(begunAt, 'g.begun')}, ${entrySql('g.at', 'g.ended')}], null),
        g.intent, g.result, g.reason_code, g.reason, g.cause_event, g.cause_attempt, ${begunAt},
        case when g.ended is null then ${begunAt} else g.at end
      from given g order by g.row`,
);

/** True for the error of an insert that found one of its steps reached, or possibly reached and forgotten. */
export function isReached(error: unknown): boolean {
  return ['23505', '23502'].includes(sqlState(error) ?? '');
}

/**
 * Inserts the fences of distinct steps, with their journal, by one statement whose answer is not awaited. `failed`: see
 * `sendAhead`; the statement fails as a whole when one of the steps was reached before.
 */
export async function insertFences<DB>(
  tx: Transaction<DB>,
  fences: readonly NewFence[],
  failed: (error: unknown) => unknown,
): Promise<void> {
  await sendAhead(tx, insert(fences), { failed });
}

// Two transactions may reach a step at the same time: the second one's insert waits. After the first one's commit the
// second finds the row and locks it; after a rollback the row is its own. The second fails with 40001 under REPEATABLE
// READ, and is rerun.
const open = fenceStatement<FenceWrite & FencePlace>(
  {
    ...changeColumns,
    ...placeColumns,
    state: ['text', ({ decided }) => decided.state],
    undo: ['text', ({ change }) => change.undo],
    entry: ['text', (fence) => entryOf(fence)],
  },
  `
    insert into converge.saga_fence as f (saga, instance, step, version, consumer, key, state, journal, intent, result, undo,
      reason_code, reason, cause_event, cause_attempt, stuck_since, created_at, changed_at)
    select g.saga, g.instance, g.step, g.version, g.consumer, g.key, g.state, array[${entrySql('g.at', 'g.entry')}], g.intent, g.result,
        g.undo, g.reason_code, g.reason, g.cause_event, g.cause_attempt, case g.state when 'stuck' then g.at end, g.at, g.at
      from given g where not ${isForgottenSql}
    on conflict (saga, instance, step) do nothing`,
);

/**
 * Creates the row of a step that is reached for the first time. False: there is a row or, for a run that started at
 * `startedAt`, there may have been one that was removed.
 */
export async function openFence(tx: Executor, fence: FenceWrite & FencePlace): Promise<boolean> {
  const { rowCount } = await tx.query(...open([fence]));
  failpoint('saga.after_open_fence');
  return rowCount > 0;
}
