import { kafkaBroker } from '@convergekit/kafka';
import { seededRandom } from '@convergekit/core';
import { waitUntil } from '@convergekit/testing';
import { expect, inject, test } from 'vitest';
import { readLog } from '../fixture/log-check.ts';
import { startRelay } from '../fixture/relay-process.ts';
import { emitSome, names, ownDatabase, ownServer, startAt, untilGone } from '../fixture/retention.ts';
import { closeAfterEach, closing, onClose } from '../fixture/running.ts';
import { createTopic, topicName, untilDrained } from '../fixture/set-up.ts';
import { writeMixed } from '../fixture/writers.ts';

ownServer();
closeAfterEach();

test.each(['relay.retention.after_attached', 'relay.retention.after_detached'])(
  'a relay that is killed at %s leaves an outbox that works, and the next one ends the removal',
  async (failpoint) => {
    const { url, database } = await ownDatabase();
    const brokers = inject('stack').brokers;
    const broker = closing(kafkaBroker({ brokers: brokers.split(','), clientId: 'retention-e2e' }));
    const topic = await createTopic(broker, topicName(), 2);
    const env = { DATABASE_URL: url, KAFKA_BROKERS: brokers, RETAIN_MS: '0' };
    await startAt(database, 999_900);
    const first = startRelay({ ...env, CONVERGE_FAILPOINT: failpoint });
    onClose(() => first.end());
    const progress = { died: false };
    void first.exited.then(() => (progress.died = true));
    let seed = 0;
    const write = () =>
      writeMixed({ database, random: seededRandom((seed += 1)), topic, events: 60, bulk: 20 });
    const diedWriting = async (): Promise<boolean> => {
      await write();
      return progress.died;
    };
    await waitUntil(diedWriting, {
      what: `a crash at ${failpoint}`,
    });
    expect(await first.exited).toMatchObject({ signal: 'SIGKILL' });
    expect(await names(database)).not.toContain('outbox_0');
    const left = await database.executor.query('select unnest(leaving) from converge.source');
    expect(left.rowCount).toBe(failpoint.endsWith('attached') ? 1 : 0);
    await write();
    const second = startRelay(env);
    onClose(() => second.end());
    await untilDrained(database);
    await untilGone(database, 'outbox_0');
    await emitSome(database, topic);
    const next = new Map<string, number>();
    for (const { key, n } of await readLog(broker, topic)) {
      const expected = (next.get(key) ?? 0) + 1;
      // The record repeats one that the killed relay had sent, or is the next of its key: no hole.
      expect(n).toBeLessThanOrEqual(expected);
      if (n === expected) next.set(key, n);
    }
    const { rows } = await database.executor.query<{ key: string; n: number }>(
      'select key, n from ledger where n > 0',
    );
    for (const { key, n } of rows) expect([key, next.get(key)]).toEqual([key, n]);
  },
);
