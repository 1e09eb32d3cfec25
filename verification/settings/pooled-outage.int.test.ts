/** PgBouncer names the end of a session on the server in words of its own, with SQLSTATE 08P01. */
import { allMigrations } from '@convergekit/operate';
import { memoryBroker } from '@convergekit/broker/testing';
import { connect, migrate } from '@convergekit/postgres';
import { consumerService, defineConsumer } from '@convergekit/inbox';
import { FixtureSource, makeTopics } from '@convergekit/inbox/testing';
import { embeddedPostgres } from '@convergekit/testing/engine';
import { freshDatabase, waitUntil } from '@convergekit/testing';
import { expect, it, onTestFinished } from 'vitest';
import { startPgbouncer } from '../../libs/cli/src/fixture/pgbouncer.ts';
import { counted, type Db, numbers, tables } from './scene.ts';

// Planted fault: with each 08P01 taken for a bug, the consumer stops for good.
it(
  'a crash of Postgres behind PgBouncer in the middle of a statement of the kit stops no consumer',
  {
    tags: ['pgbouncer'],
  },
  async () => {
    const server = await embeddedPostgres();
    onTestFinished(() => server.dispose());
    await server.start();
    const url = await freshDatabase(server.address);
    const direct = connect<Db>({ url });
    onTestFinished(() => direct.close());
    await migrate(direct, allMigrations);
    await direct.executor.query(tables);
    const pooler = await startPgbouncer(url);
    onTestFinished(() => pooler.stop());
    const database = connect<Db>({ url: pooler.through(url) });
    onTestFinished(() => database.close());
    const broker = memoryBroker();
    onTestFinished(() => broker.close());
    const consumer = defineConsumer<Db>('counter', { from: 'first' }).on(
      counted,
      async ({ data }, { tx }) => {
        await tx.insertInto('seen').values({ n: data.n }).execute();
      },
    );
    await makeTopics(broker, [counted.topic, consumer.failureTopic], 1);
    const service = consumerService([consumer], { database, broker });
    onTestFinished(() => service.stop());
    await service.start();
    const ended = service.done.then(() => 'ended');
    ended.catch(() => undefined);
    const holder = await direct.acquire();
    await holder.query('begin');
    await holder.query('lock table converge.inbox_partition in exclusive mode');
    const source = new FixtureSource({ partitions: 1 });
    await source.publish(broker, numbers(1, 3));
    const waits = `select pid from pg_stat_activity where wait_event_type = 'Lock' and query like '%inbox_partition%'`;
    const waiting = async (): Promise<number> =>
      (await direct.executor.query<{ pid: number }>(waits)).rows[0]?.pid ?? 0;
    process.kill(await waitUntil(waiting, { what: 'the fence of a slice to wait' }), 'SIGKILL');
    holder.release(true);
    const seen = async (): Promise<boolean> =>
      (
        await direct.db
          .selectFrom('seen')
          .select('n')
          .execute()
          .catch(() => [])
      ).length === 3;
    expect(await Promise.race([waitUntil(seen, { what: 'the effects' }), ended])).toBe(true);
    expect((await direct.executor.query('select from converge.parked')).rows).toEqual([]);
  },
);
