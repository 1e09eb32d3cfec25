import { connect, migrate, outboxMigrations, withTransaction } from 'convergekit/postgres';
import { systemClock, systemRandom } from 'convergekit';

const database = connect({ url: process.env['DATABASE_URL'] ?? '', max: 10 });
await migrate(database, [outboxMigrations]);

// Rerun on a conflict (40001, 40P01) and after a migration underneath it: the function may run more than once.
await withTransaction(database, { clock: systemClock, random: systemRandom }, async (tx) => {
  await tx.query('update stock set available = available - $2 where sku = $1', ['a', 1]);
});
await database.close();
