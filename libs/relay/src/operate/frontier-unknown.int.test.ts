/** Planted faults, each seen to fail here: without the look at the database's identity, and at dropped children. */
import { describe, expect, it } from 'vitest';
import { emit, eventsSince, frontier, opened } from '../fixture/frontier.ts';
import { closeAfterEach, started } from '../fixture/running.ts';
import { untilDrained } from '../fixture/set-up.ts';

closeAfterEach();

describe('the frontier does not guess', () => {
  const sentOnce = async () => {
    const { database, broker, topic } = await opened();
    const service = await started({ database, broker });
    await emit(database, topic, 'a');
    await untilDrained(database);
    await service.stop();
    return { database, topic, sent: await frontier(database, topic, ['a']) };
  };

  it.each([
    ['a copy in another database', 'database_oid = 1', /another database/],
    ['a database that went back', `next_xid = '9000000000'`, /later transaction id/],
    ['a copy in another cluster', `system_identifier = '7'`, /another cluster/],
  ])('%s is unknown', async (_name, change, detail) => {
    const { database, topic, sent } = await sentOnce();
    await database.executor.query(`update converge.relay_source set ${change}`);
    expect(await frontier(database, topic, ['a'])).toMatchObject({
      state: 'unknown',
      detail: expect.stringMatching(detail),
    });
    expect(await eventsSince(database, topic, ['a'], sent)).toBe('unknown');
  });

  it('events since a snapshot are unknown in another epoch, and when a child with such events may have been dropped', async () => {
    const { database, topic, sent } = await sentOnce();
    expect(await eventsSince(database, topic, ['a'], { ...sent, epoch: 2 })).toBe('unknown');
    expect(await eventsSince(database, topic, ['a'], sent)).toBe('none');
    await database.executor.query('alter table converge.outbox detach partition converge.outbox_0');
    expect(await eventsSince(database, topic, ['a'], sent)).toBe('unknown');
    expect(await frontier(database, topic, ['a'])).toMatchObject({ state: 'sent' });
  });

  it('more events without a tick than are read count as events of the key', async () => {
    const { database, topic } = await sentOnce();
    await database.executor.query(
      `select converge.emit($1, 'other', 'test.event', '{}') from generate_series(1, 10000)`,
      [topic],
    );
    expect(await frontier(database, topic, ['a'])).toMatchObject({ state: 'not_ticked' });
  });

  it('rows of a transaction that still runs are not waited for, and count when it commits', async () => {
    const { database, topic, sent } = await sentOnce();
    const client = await database.acquire();
    try {
      await client.query('begin');
      await client.query(
        `select converge.emit('${topic}', 'a', 'test.event', '{}') from generate_series(1, 50)`,
      );
      expect(await frontier(database, topic, ['a'])).toMatchObject({ state: 'sent' });
      expect(await eventsSince(database, topic, ['a'], sent)).toBe('none');
      await client.query('commit');
    } finally {
      client.release();
    }
    expect(await frontier(database, topic, ['a'])).toMatchObject({ state: 'not_ticked' });
    expect(await eventsSince(database, topic, ['a'], sent)).toBe('some');
  });
});
