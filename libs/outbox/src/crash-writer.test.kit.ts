import { createOutbox } from './outbox.ts';
import { orderPlaced, type ShopDb } from './shop.test.kit.ts';
import { connect } from '@converge/postgres';

/** A process that writes orders until it is killed, and says each one that it knows to be committed. */
const [url = '', prefix = ''] = process.argv.slice(2);
const database = connect<ShopDb>({ url, max: 4 });
const outbox = createOutbox([orderPlaced]);

async function write(lane: number): Promise<never> {
  for (let index = 0; ; index += 1) {
    const id = `${prefix}-${lane}-${index}`;
    await outbox.transaction(database.db, async ({ tx, emit }) => {
      await tx.insertInto('orders').values({ id, cents: 1 }).execute();
      emit(orderPlaced({ orderId: id }));
    });
    process.stdout.write(`${id}\n`);
  }
}

await Promise.all([0, 1, 2, 3].map(write));
