/**
 * A source's disk is restored, with everything real: Postgres, Kafka, a relay, a consumer in another database. Code
 * that was removed once, and a test here failed:
 * - the comparison before the first tick (the copy publishes other events under positions that were used);
 * - the look at the epoch by consumers (what the old primary still writes is applied).
 */
import { randomBytes } from 'node:crypto';
import { defineEvent } from '@convergekit/contracts';
import { consumerService, defineConsumer, inboxMigrations } from '@convergekit/inbox';
import { kafkaBroker } from '@convergekit/kafka';
import { createOutbox, outboxMigrations } from '@convergekit/outbox';
import { connect, type Database, migrate } from '@convergekit/postgres';
import { type Relay, relay, relayMigrations } from '@convergekit/relay';
import { inspectSource, readPhantoms, rebaseSource } from '@convergekit/relay/operate';
import { embeddedPostgres } from '@convergekit/testing/engine';
import { faultProxy, freshDatabase, waitUntil } from '@convergekit/testing';
import { expect, inject, test } from 'vitest';
import { z } from 'zod';
import { run } from '../../programs.ts';
import { dataFolder, quick, refusal, silence, undoing, urlAt } from '../fixture/drill.ts';

const { closing } = undoing();

const tag = randomBytes(4).toString('hex');
const topic = `restore.${tag}`;
const counted = defineEvent('restore.counted', {
  version: 1,
  topic,
  key: ({ key }: { key: string; n: number }) => key,
  data: z.object({ key: z.string(), n: z.int() }),
});
const outbox = createOutbox([counted]);

interface Effects {
  effect: { event_id: string; n: number };
}

async function emit({ executor }: Database, from: number, count: number): Promise<readonly string[]> {
  const events = Array.from({ length: count }, (_, at) => counted({ key: `k${at % 11}`, n: from + at }));
  return (await outbox.append(executor, events)).ids;
}

async function drained({ executor }: Database, sent: () => number): Promise<void> {
  await waitUntil(
    async () => {
      const { rows } = await executor.query<{ behind: boolean }>(
        `select exists (select from converge.outbox where not pg_visible_in_snapshot(xid,
           (select snapshot from converge.tick where number = (select done_tick from converge.relay_source)))) as behind`,
      );
      return rows[0]?.behind === false;
    },
    { what: `the outbox to be drained; ${sent()} were sent` },
  );
}

async function started(database: Database, broker = kafka()): Promise<Relay> {
  const service = closing(relay({ database, broker, ...quick }), (one) => one.stop());
  await service.start();
  return service;
}

function kafka(reachAt?: string) {
  const brokers = reachAt === undefined ? inject('stack').brokers.split(',') : [reachAt];
  const through = reachAt === undefined ? {} : { reachAt: () => reachAt, requestTimeoutMs: 1_000 };
  return closing(kafkaBroker({ brokers, clientId: `restore-${tag}`, ...through }), (one) => one.close());
}

test('G1j, G3h: a restored data folder is refused, and after a rebase nothing is lost, phantoms are named, and the old primary is halted', async () => {
  const broker = kafka();
  const admin = await broker.admin();
  await admin.createTopic({ name: topic, partitions: 3 });
  await admin.createTopic({ name: `restore-${tag}.failures`, partitions: 3 });

  // The consumer, in a database that stays.
  const effects = closing(
    connect<Effects>({ url: await freshDatabase(inject('stack').databaseUrl, 'effects') }),
    (one) => one.close(),
  );
  await migrate(effects, [outboxMigrations, inboxMigrations]);
  await effects.executor.query('create table effect (event_id text not null, n int not null)');
  const consumer = defineConsumer<Effects>(`restore-${tag}`, { from: 'first' }).on(
    counted,
    async (event, { tx }) => {
      await tx.insertInto('effect').values({ event_id: event.id, n: event.data.n }).execute();
    },
  );
  const consuming = closing(consumerService([consumer], { database: effects, broker }), (one) => one.stop());
  await consuming.start();
  const applied = async (): Promise<string[]> => {
    const { rows } = await effects.executor.query<{ id: string }>('select event_id as id from effect');
    return rows.map(({ id }) => id);
  };
  const appliedAll = (count: number) =>
    waitUntil(async () => (await applied()).length >= count, { what: `${count} effects` });
  const halted = () => consuming.status()[0]!.partitions.filter(({ state }) => state === 'halted');

  // The source: publish, copy the folder while it is stopped, and go on.
  const server = closing(await embeddedPostgres(), (one) => one.dispose());
  await server.start();
  const url = await freshDatabase(server.address, 'source');
  const open = () => closing(connect({ url, max: 20, onIdleError: silence }), (one) => one.close());
  let source = open();
  await migrate(source, [outboxMigrations, relayMigrations]);
  const first = await started(source);
  const shared = await emit(source, 0, 120);
  await drained(source, () => first.status().published);
  await first.stop();
  // Committed before the copy and sent after it: in both timelines.
  const both = await emit(source, 200, 33);
  const folder = await dataFolder(source);
  await source.close();
  await server.stop();
  await run('cp', ['-a', folder, `${folder}.copy`]);
  await server.start();
  source = open();
  const second = await started(source);
  const lost = await emit(source, 300, 110);
  await drained(source, () => second.status().published);
  await appliedAll(263);
  await second.stop();
  await source.close();
  await server.stop();

  // The copy replaces the primary; the old primary comes back elsewhere, and leads as before.
  const elsewhere = closing(await embeddedPostgres(), (one) => one.dispose());
  await elsewhere.start();
  const there = closing(connect({ url: elsewhere.address }), (one) => one.close());
  const otherFolder = await dataFolder(there);
  await there.close();
  await elsewhere.stop();
  await run('rm', ['-rf', otherFolder]);
  await run('mv', [folder, otherFolder]);
  await run('mv', [`${folder}.copy`, folder]);
  await Promise.all([server.start(), elsewhere.start()]);
  const old = closing(connect({ url: urlAt(elsewhere, url), onIdleError: silence }), (one) => one.close());
  const zombie = await started(old);
  await waitUntil(() => zombie.status().state === 'leading', { what: 'the old primary to lead' });

  // Broker down at start: no tick. Then the log has it.
  source = open();
  const ticks = async (): Promise<number> =>
    (await source.executor.query<{ n: number }>('select count(*)::int as n from converge.tick')).rows[0]!.n;
  const known = await ticks();
  const proxy = closing(await faultProxy({ target: inject('stack').brokers.split(',')[0]! }), (one) =>
    one.close(),
  );
  proxy.cut();
  const third = await started(source, kafka(proxy.address));
  await refusal(third, 'LOG_NOT_COMPARED');
  proxy.restore();
  expect(await refusal(third, 'database_went_back')).toContain(`${topic}/`);
  const fresh = await emit(source, 600, 77);
  expect(await ticks()).toBe(known);

  const report = await rebaseSource({ by: 'ada', database: source, broker, reason: 'disk put back' });
  expect(report).toMatchObject({ epoch: 2, newTransactionIds: false });
  const named = (kind: string) =>
    report.phantoms.filter((one) => one.kind === kind).map(({ eventId }) => eventId);
  expect(named('phantom').toSorted()).toEqual(lost.toSorted());
  expect(named('sent_again').toSorted()).toEqual(both.toSorted());
  expect(await readPhantoms(source.executor)).toHaveLength(143);

  // Everything after the fork arrives; what was sent again took effect twice, and was named.
  await drained(source, () => third.status().published);
  await appliedAll(263 + 33 + 77);
  const found = await applied();
  expect(found.toSorted()).toEqual([...shared, ...both, ...lost, ...both, ...fresh].toSorted());
  expect(halted()).toEqual([]);

  // The old primary never noticed: the consumer refuses its later events, and the new primary's relay sees them.
  const late = await emit(old, 900, 44);
  await waitUntil(() => halted().length === 3, { what: 'every partition to halt' });
  expect(new Set(halted().map((one) => 'code' in one && one.code))).toEqual(new Set(['epoch_superseded']));
  expect((await applied()).filter((id) => late.includes(id))).toEqual([]);
  const { comparison } = await inspectSource(source.executor, broker);
  expect(comparison).toMatchObject({ kind: 'compared', result: { refusals: [] } });
  expect(comparison.kind === 'compared' && comparison.result.olderBehind).toHaveLength(3);
});
