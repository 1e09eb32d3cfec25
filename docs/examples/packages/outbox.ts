import { connect, createOutbox, migrate, outboxMigrations } from 'convergekit/postgres';
import { ordered } from './shop.ts';

interface OrdersDb {
  orders: { id: string; cents: number };
}
const database = connect<OrdersDb>({ url: process.env['DATABASE_URL'] ?? '' });
await migrate(database, [outboxMigrations]);

const outbox = createOutbox([ordered]);

/** Writes the row and the event: both or neither. A repeat with the same key gets the stored answer. */
export const place = (requestKey: string, request: { order: string; cents: number }) =>
  outbox.transaction(database.db, { requestKey, request }, async ({ tx, emit }) => {
    await tx.insertInto('orders').values({ id: request.order, cents: request.cents }).execute();
    emit(ordered(request));
    return { accepted: request.order };
  });
