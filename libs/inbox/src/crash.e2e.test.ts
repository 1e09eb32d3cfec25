import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Broker, kafkajsBroker } from '@converge/kafka';
import type { Database } from '@converge/postgres';
import { freshDatabase, waitUntil } from '@converge/testing';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { FixtureSource } from './fixture/fixture-source.ts';
import { type LedgerDb, ledgerDatabase, lines, makeTopics, tag, testEvents } from './fixture/ledger.ts';

const program = fileURLToPath(new URL('./fixture/consumer-process.ts', import.meta.url));
const partitions = 2;

describe('a consumer that is killed', () => {
  let broker: Broker;
  let database: Database<LedgerDb>;
  let url: string;
  let name: string;
  let topic: string;
  const children: ChildProcess[] = [];

  beforeEach(async () => {
    broker = kafkajsBroker({ brokers: inject('stack').brokers.split(','), clientId: 'crash-test' });
    url = await freshDatabase(inject('stack').databaseUrl);
    database = await ledgerDatabase(url);
    name = `stock-${tag()}`;
    topic = `orders-${tag()}`;
    await makeTopics(broker, [topic, `${name}.failures`], partitions);
  });
  afterEach(async () => {
    for (const child of children.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await broker.close();
    await database.close();
  });

  function start(failpoint = '', more: Record<string, string> = {}): ChildProcess {
    const env = {
      ...process.env,
      NODE_OPTIONS: '--conditions=source',
      DATABASE_URL: url,
      KAFKA_BROKERS: inject('stack').brokers,
      CONSUMER: name,
      TOPIC: topic,
      CONVERGE_FAILPOINT: failpoint,
      LOG_LEVEL: process.env['CHILD_LOG'] ?? 'silent',
      ...more,
    };
    const child = spawn(process.execPath, [program], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    return child;
  }

  it.each([
    'inbox.in_handler@1',
    'inbox.in_handler@70',
    'inbox.before_commit@1',
    'inbox.before_commit@4',
    'inbox.after_commit@1',
    'inbox.after_commit@2',
  ])('at %s has every effect once, in the order of each key', async (failpoint) => {
    const source = new FixtureSource({ partitions });
    const { counted } = testEvents(topic);
    const sent = Array.from({ length: 120 }, (_, n) => counted({ key: `k${n % 7}`, n }));
    const ids = [...(await source.publish(broker, sent.slice(0, 60)))];
    const [killed] = [start(failpoint)];
    const exit = once(killed, 'exit');
    await waitUntil(async () => (await lines(database)).length > 0 || killed.signalCode !== null, {
      what: 'work',
    });
    ids.push(...(await source.publish(broker, sent.slice(60))));
    expect((await exit)[1]).toBe('SIGKILL');
    const next = start();
    await waitUntil(async () => (await lines(database)).length >= sent.length, {
      what: 'all effects',
      deadlineMs: 60_000,
    });
    next.kill('SIGTERM');
    expect((await once(next, 'exit'))[0]).toBe(0);
    const found = await lines(database);
    expect(found.map(({ event_id }) => event_id).toSorted()).toEqual(ids.toSorted());
    for (const group of Map.groupBy(found, ({ key }) => key).values())
      expect(group.map(({ n }) => n)).toEqual(group.map(({ n }) => n).toSorted((a, b) => a - b));
    const { rows } = await database.executor.query<{ n: string; ids: string }>(
      'select count(*) as n, count(distinct event_id) as ids from converge.outbox',
    );
    expect(rows).toEqual([{ n: '120', ids: '120' }]);
  });

  it('that froze in its handler and wakes up after another took over has no effect', async () => {
    const source = new FixtureSource({ partitions });
    const { counted } = testEvents(topic);
    const sent = Array.from({ length: 20 }, (_, n) => counted({ key: 'k', n }));
    await source.publish(broker, sent);
    const zombie = start('', { HOLD_MS: '100' });
    await once(zombie.stdout!, 'data');
    zombie.kill('SIGSTOP');
    const owner = start();
    await waitUntil(async () => (await lines(database)).length >= 20, {
      what: 'the new owner',
      deadlineMs: 60_000,
    });
    zombie.kill('SIGCONT');
    await source.publish(broker, [counted({ key: 'k', n: 20 })]);
    await waitUntil(async () => (await lines(database)).length >= 21, {
      what: 'the next event',
      deadlineMs: 60_000,
    });
    const exits = [zombie, owner].map((child) => once(child, 'exit'));
    zombie.kill('SIGTERM');
    owner.kill('SIGTERM');
    expect((await Promise.all(exits)).map(([code]) => code as number)).toEqual([0, 0]);
    expect((await lines(database)).map(({ n }) => n)).toEqual(Array.from({ length: 21 }, (_, n) => n));
  });
});
