import { defineReconciler, from } from 'convergekit';
import { scanPages } from '@convergekit/service-common';
import type { Kysely } from 'kysely';
import type { AccountsDb, GiroDb, TransferState } from '../tables.ts';

/** A transfer, as the giro bank has it. */
interface TransferFact {
  readonly state: TransferState;
  readonly amountCents: number;
}

/** What arrived for a transfer at the savings bank. */
interface Arrived {
  readonly times: number;
  readonly amountCents: number;
}

const CHUNK = 500;

/** Compares ended transfers of the giro bank with the deposits of the savings bank. A program moves no money: it reports. */
export const depositsVsTransfers = defineReconciler('deposits-vs-transfers', {
  schedule: { cron: '*/10 * * * * *', jitterMs: 1_000 },
  mode: 'warn',
  keys: {
    scan: ({ desired, actual }, { after }) =>
      scanPages(after, {
        read: (behind) => transfersAfter(desired, behind),
        keyOf: ({ transfer_id: key }) => key,
        differing: async (page) => {
          const keys: string[] = [];
          for (const { transfer_id: key, state, amount_cents: cents } of page) {
            const arrived = await arrivedOf(actual, key);
            if (differs({ state, amountCents: Number(cents) }, arrived)) keys.push(key);
          }
          return keys;
        },
      }),
  },
  desired: from<GiroDb>('giro').read(async (key, db) => {
    const row = await db
      .selectFrom('transfer')
      .select(['state', 'amount_cents'])
      .where('transfer_id', '=', key)
      .executeTakeFirst();
    return row === undefined ? null : { state: row.state, amountCents: Number(row.amount_cents) };
  }),
  actual: from<AccountsDb>('savings').read((key, db) => arrivedOf(db, key)),
  compare: (transfer, arrived) =>
    transfer === null || arrived === null || !differs(transfer, arrived) ? null : { transfer, arrived },
  unresolvable: ({ transfer, arrived }) =>
    `the transfer of ${transfer.amountCents} cents is ${transfer.state}, and ${arrived.amountCents} cents arrived in ${arrived.times} deposits`,
  repair: () => Promise.resolve(0),
});

/** Money arrives once for a settled transfer, and never for a refused one. One that is open may be on its way. */
function differs({ state, amountCents }: TransferFact, arrived: Arrived): boolean {
  switch (state) {
    case 'requested':
      return false;
    case 'settled':
      return arrived.times !== 1 || arrived.amountCents !== amountCents;
    case 'refused':
      return arrived.times !== 0;
  }
}

function transfersAfter(db: Kysely<GiroDb>, after: string | null) {
  const query = db
    .selectFrom('transfer')
    .select(['transfer_id', 'state', 'amount_cents'])
    .orderBy('transfer_id')
    .limit(CHUNK);
  return (after === null ? query : query.where('transfer_id', '>', after)).execute();
}

async function arrivedOf(db: Kysely<AccountsDb>, transferId: string): Promise<Arrived> {
  const rows = await db
    .selectFrom('movement')
    .select('amount_cents')
    .where('transfer_id', '=', transferId)
    .where('kind', '=', 'arrived')
    .execute();
  return { times: rows.length, amountCents: rows.reduce((sum, row) => sum + Number(row.amount_cents), 0) };
}
