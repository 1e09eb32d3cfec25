import { connect } from 'convergekit/postgres';
import { freshDatabase, manualClock, waitUntil, withStack } from '@convergekit/testing';

/** Starts Postgres and Kafka (given, in Docker, or embedded), and stops what it started. */
export const databaseName = () =>
  withStack(async ({ databaseUrl }) => {
    const database = connect({ url: await freshDatabase(databaseUrl, 'orders') });
    const { rows } = await database.executor.query<{ name: string }>('select current_database() as name');
    await database.close();
    return rows[0]?.name;
  });

/** Time moves only when the test says so. */
export async function advance(): Promise<boolean> {
  const clock = manualClock();
  let woken = false;
  void clock.sleep(60_000).then(() => (woken = true));
  await clock.advance(60_000);
  return waitUntil(() => woken, { what: 'the sleeper to wake' });
}
