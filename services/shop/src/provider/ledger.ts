import { randomBytes } from 'node:crypto';
import type { Kysely, Selectable } from 'kysely';
import type { ProviderDb } from './tables.ts';

export type Charge = Selectable<ProviderDb['charge']>;

export type Refused = { readonly conflict: string };

/** Charges once per key, forever: a repeat gets the stored charge, another amount is refused. */
export async function charge(
  db: Kysely<ProviderDb>,
  wanted: { key: string; amountCents: number; decline: boolean },
): Promise<Charge | Refused> {
  await db
    .insertInto('charge')
    .values({
      key: wanted.key,
      charge_id: `ch_${randomBytes(9).toString('hex')}`,
      amount_cents: wanted.amountCents,
      state: wanted.decline ? 'declined' : 'taken',
    })
    .onConflict((conflict) => conflict.column('key').doNothing())
    .execute();
  const stored = await find(db, wanted.key);
  if (stored === undefined) throw new Error(`the charge ${wanted.key} vanished`);
  return stored.amount_cents === wanted.amountCents
    ? stored
    : { conflict: `the key was used for another amount (${stored.amount_cents})` };
}

/** Refunds a whole charge. A repeat of the key returns the same refund. */
export async function refund(
  db: Kysely<ProviderDb>,
  wanted: { key: string; chargeKey: string; amountCents: number },
): Promise<Charge | Refused | undefined> {
  await db
    .updateTable('charge')
    .set((row) => ({ refund_key: wanted.key, refunded_cents: row.ref('amount_cents') }))
    .where('key', '=', wanted.chargeKey)
    .where('state', '=', 'taken')
    .where('amount_cents', '=', wanted.amountCents)
    .where('refund_key', 'is', null)
    .execute();
  const stored = await find(db, wanted.chargeKey);
  if (stored === undefined || stored.refund_key === wanted.key) return stored;
  return { conflict: 'only a taken charge can be refunded, once, in full' };
}

export function find(db: Kysely<ProviderDb>, key: string): Promise<Charge | undefined> {
  return db.selectFrom('charge').selectAll().where('key', '=', key).executeTakeFirst();
}

/** Lists charges in the order of their keys, behind one. */
export function list(db: Kysely<ProviderDb>, after: string, limit: number): Promise<readonly Charge[]> {
  return db.selectFrom('charge').selectAll().where('key', '>', after).orderBy('key').limit(limit).execute();
}
