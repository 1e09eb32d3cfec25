import { defineReconciler, from, type Reconciler } from 'convergekit';
import { scanPages } from '@convergekit/service-common';
import { type Kysely, sql } from 'kysely';
import type { Bank } from '../migrations.ts';
import type { AccountsDb } from '../tables.ts';

const CHUNK = 500;

/** Compares the balance of each account of a bank with its movements, which are the journal: their sum is conserved. */
export const balancesOf = (bank: Bank): Reconciler =>
  defineReconciler(`${bank}-balances`, {
    schedule: { cron: '*/10 * * * * *', jitterMs: 1_000 },
    mode: 'repair',
    // Both are in one database, and a booking changes both in one transaction.
    timing: { settleMs: 0 },
    limits: { share: 1 },
    keys: {
      scan: ({ actual }, { after }) =>
        scanPages(after, {
          read: (behind) => sumsAfter(actual, behind),
          keyOf: ({ accountId }) => accountId,
          differing: (page) =>
            page.filter(({ wanted, balance }) => wanted !== balance).map(({ accountId }) => accountId),
        }),
    },
    desired: from<AccountsDb>(bank).read(async (key, db) => numberOf((await sumOf(db, key))?.wanted)),
    actual: from<AccountsDb>(bank).read(async (key, db) => numberOf((await sumOf(db, key))?.balance)),
    compare: (wanted, balance) =>
      wanted === null || balance === null || wanted === balance ? null : { wanted, balance },
    unresolvable: ({ wanted }) => (wanted < 0 ? 'more was sent than the account ever had' : null),
    // An account has no version: it is locked as a booking locks it, and written only if neither its balance nor its
    // movements changed.
    unguarded: true,
    repair: async ({ wanted, balance }, { tx, key }) => {
      await tx.selectFrom('account').select('account_id').where('account_id', '=', key).forUpdate().execute();
      const now = await sumOf(tx, key);
      if (numberOf(now?.wanted) !== wanted || numberOf(now?.balance) !== balance) return 0;
      return tx
        .updateTable('account')
        .set({ balance_cents: wanted })
        .where('account_id', '=', key)
        .executeTakeFirst();
    },
    why: ({ wanted, balance }) => `the balance is ${balance} cents, the movements say ${wanted}`,
  });

const numberOf = (text: string | undefined): number | null => (text === undefined ? null : Number(text));

function sumOf(db: Kysely<AccountsDb>, accountId: string) {
  return sums(db).where('account.account_id', '=', accountId).executeTakeFirst();
}

function sumsAfter(db: Kysely<AccountsDb>, after: string | null) {
  return sums(db)
    .where('account.account_id', '>', after ?? '')
    .limit(CHUNK)
    .execute();
}

function sums(db: Kysely<AccountsDb>) {
  return db
    .selectFrom('account')
    .select([
      'account.account_id as accountId',
      'account.balance_cents as balance',
      sql<string>`(account.opened_cents + coalesce((select sum(m.amount_cents) from movement m
        where m.account_id = account.account_id), 0))::text`.as('wanted'),
    ])
    .orderBy('account.account_id');
}
