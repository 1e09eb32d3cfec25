import type { Database } from '@convergekit/postgres';
import type { EffectRow, EventRow, FenceRow, JournalRow, SagaDump } from '../checker/sagas/facts.ts';
import type { AccountFact, BankFacts, MovementFact, TransferFact } from './books.ts';
import { shapes } from './shapes.ts';
import type { World } from './world.ts';

// An undo that waits for a person stays undo_pending; its work says so.
const fenceSql = `
  select f.saga, f.instance, f.step, f.state, f.reason_code as "reasonCode",
         coalesce((select w.stuck_reason from converge.saga_work w
                    where w.saga = f.saga and w.instance = f.instance and w.step = f.step and w.state = 'stuck' limit 1),
                  case f.state when 'stuck' then coalesce(f.reason_code, f.reason) end) as stuck
    from converge.saga_fence f`;

const journalSql = `
  select saga, instance, step, seq, op, state_from as "from", state_to as "to", act, cause_event as "causeEvent",
         emitted_event::text as "emittedEvent", (extract(epoch from at) * 1000)::float8 as "atMs"
    from converge.saga_step`;

const eventSql = `
  select event_id::text as "eventId", type, headers::jsonb ->> 'ce_saga' as saga from converge.outbox`;

const effectSql = `select consumer, act, event_id::text as "eventId" from effect`;

export async function dumpFences({ sources }: World): Promise<readonly FenceRow[]> {
  return fromAll<FenceRow>(sources, fenceSql);
}

/** Reads everything that the checks need. */
export async function dumpSagas({ sources }: World): Promise<SagaDump> {
  // Tables are read in sequence, fences first: their effects must be in the tables that are read later.
  const fences = await fromAll<FenceRow>(sources, fenceSql);
  const journal = await fromAll<JournalRow>(sources, journalSql);
  const events = await fromAll<EventRow>(sources, eventSql);
  const effects = await fromAll<EffectRow>(sources, effectSql);
  return { fences, journal, events, effects };
}

async function fromAll<R>(
  sources: ReadonlyMap<string, Database>,
  text: string,
): Promise<readonly (R & { readonly source: string })[]> {
  const rows = await Promise.all(
    [...sources].map(async ([source, { executor }]) =>
      (await executor.query<R>(text)).rows.map((row) => ({ ...row, source })),
    ),
  );
  return rows.flat();
}

/** Maps each run to its subject, an order or a transfer: the key of its start event. */
export async function whatRunsAreAbout({ sources }: World): Promise<ReadonlyMap<string, string>> {
  const text = `select event_id::text as id, key from converge.outbox where type = any($1)`;
  const about = new Map<string, string>();
  for (const { executor } of sources.values()) {
    const { rows } = await executor.query<{ id: string; key: string }>(text, [
      shapes.map(({ start }) => start),
    ]);
    for (const { id, key } of rows) about.set(id, key);
  }
  return about;
}

export async function dumpBanks({ banks: { databases } }: World): Promise<BankFacts> {
  const read = async <R>(
    bank: 'giro' | 'savings',
    text: string,
  ): Promise<readonly (R & { bank: string })[]> =>
    (await databases[bank].executor.query<R>(text)).rows.map((row) => ({ ...row, bank }));
  const movementsSql = `
    select transfer_id as "transferId", kind, amount_cents::float8 as "amountCents" from movement`;
  const accountsSql = `
    select account_id as "accountId", opened_cents::float8 as "openedCents", balance_cents::float8 as "balanceCents",
           coalesce((select sum(amount_cents) from movement m where m.account_id = a.account_id), 0)::float8 as "movedCents"
      from account a`;
  const transfersSql = `
    select transfer_id as "transferId", state, amount_cents::float8 as "amountCents" from transfer`;
  return {
    transfers: await read<TransferFact>('giro', transfersSql),
    movements: [
      ...(await read<MovementFact>('giro', movementsSql)),
      ...(await read<MovementFact>('savings', movementsSql)),
    ],
    accounts: [
      ...(await read<AccountFact>('giro', accountsSql)),
      ...(await read<AccountFact>('savings', accountsSql)),
    ],
  };
}
