import { defineConsumer } from '@convergekit/inbox';
import type { Database } from '@convergekit/postgres';
import { defineCall } from '@convergekit/saga';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { z } from 'zod';
import {
  book,
  type BookDb,
  BOOK_TABLES,
  booked,
  closed,
  desk,
  DESK_TABLES,
  type DeskDb,
  opened,
  paidIn,
} from '../fixture/desk.ts';
import { serviceDatabase } from '../service-database.ts';
import { applyOne } from './apply-one.ts';
import { eventsOf } from './events.ts';

let database: Database<DeskDb>;
beforeEach(async () => {
  database = await serviceDatabase<DeskDb>(inject('stack').databaseUrl, DESK_TABLES);
});
afterEach(() => database.close());

describe('one event applied by its real consumer', () => {
  it('N5: an applied event shows the rows and the events that its handler wrote, and nothing when it comes again', async () => {
    await applyOne(database, desk, opened({ key: 'a', n: 0 }));
    const payment = paidIn({ key: 'a', n: 5 });
    const outcome = await applyOne(database, desk, payment);
    const changed = { before: { key: 'a', total: 0 }, after: { key: 'a', total: 5 } };
    expect(outcome.kind).toBe('applied');
    expect(outcome.written).toEqual({ account: { inserted: [], updated: [changed], deleted: [] } });
    expect(eventsOf(outcome.emitted, booked)).toEqual([{ key: 'a', n: 5 }]);
    expect(await applyOne(database, desk, payment)).toMatchObject({
      kind: 'duplicate',
      eventId: outcome.eventId,
      written: {},
      emitted: [],
      handled: [],
    });
    // An equal event is another event.
    expect((await applyOne(database, desk, paidIn({ key: 'a', n: 5 }))).kind).toBe('applied');
  });

  it('an event whose handler forgets an await is a dead letter, and its error says so', async () => {
    const forgetful = defineConsumer<DeskDb>('forgetful', { from: 'first' }).on(
      opened,
      async ({ data: { key } }, { tx }) => {
        await tx.insertInto('account').values({ key, total: 0 }).execute();
        void tx.insertInto('account').values({ key, total: 0 }).execute();
      },
    );
    const outcome = await applyOne(database, forgetful, opened({ key: 'a', n: 0 }));
    expect(outcome).toMatchObject({ kind: 'dead_lettered', written: {} });
    expect(JSON.stringify(outcome)).toContain('`await` is missing');
  });

  it('an event of a type without a handler is skipped', async () => {
    expect(await applyOne(database, desk, closed({ key: 'a', n: 0 }))).toMatchObject({
      kind: 'skipped',
      written: {},
      emitted: [],
    });
  });

  it('a refused event is rejected, a broken one is a dead letter, and both emit a failure event', async () => {
    for (const [n, kind, code] of [
      [7, 'rejected', 'SEVEN'],
      [8, 'dead_lettered', 'BROKE'],
    ] as const)
      expect(await applyOne(database, desk, paidIn({ key: `k${n}`, n }))).toMatchObject({
        kind,
        written: {},
        parked: { code },
        emitted: [{ type: 'converge.failure', topic: 'desk.failures' }],
        handled: [{ handler: 'desk.paid-in', error: { code } }],
      });
  });

  it('an event that fails for now is parked with its attempts, and the next of its key waits behind it', async () => {
    const first = await applyOne(database, desk, paidIn({ key: 'a', n: 1 }));
    expect(first).toMatchObject({ kind: 'parked', parked: { state: 'waiting', code: 'BROKE' }, emitted: [] });
    expect(first.handled.length).toBeGreaterThan(1);
    expect(await applyOne(database, desk, paidIn({ key: 'a', n: 2 }))).toMatchObject({
      kind: 'parked',
      parked: { state: 'waiting', code: null },
      handled: [],
    });
  });

  it('a handler of a batch and one of failures request calls, each once however often its event comes', async () => {
    const schema = z.object({ key: z.string() });
    const notice = defineCall('post.notice', {
      input: schema,
      result: schema,
      idempotency: 'keyed',
      call: (input) => Promise.resolve(input),
    }).onOutcome<DeskDb>({ succeeded: () => undefined, failed: () => undefined });
    const post = defineConsumer<DeskDb>('post')
      .calls(notice)
      .onBatch(opened, async (events, { call }) => {
        for (const one of events) await call(notice, { key: `batch ${one.data.key}` }, one);
      })
      .onFailure(desk, paidIn, async ({ event: { data } }, { call }) => {
        await call(notice, { key: `failure ${data.key}` });
      });
    const [failure] = (await applyOne(database, desk, paidIn({ key: 'a', n: 7 }))).emitted;
    const given = [opened({ key: 'a', n: 0 }), failure ?? closed({ key: 'a', n: 0 })];
    const calls = [];
    for (const event of [...given, ...given]) calls.push(...(await applyOne(database, post, event)).calls);
    expect(calls).toEqual(
      ['batch a', 'failure a'].map((key) => ({
        call: 'post.notice',
        input: { key },
        idempotencyKey: expect.any(String) as string,
        step: null,
      })),
    );
  });

  it('an event whose predecessor never arrives halts at the gap', async () => {
    await applyOne(database, desk, opened({ key: 'a', n: 0 }));
    const missing = [closed({ key: 'a', n: 0 })];
    const outcome = await applyOne(database, desk, opened({ key: 'a', n: 1 }), { missing });
    expect(outcome).toMatchObject({ kind: 'gap', written: {}, handled: [] });
  });

  it('a consumer that stops in production stops the test, with its reason', async () => {
    await expect(applyOne(database, desk, paidIn({ key: 'a', n: 9 }))).rejects.toMatchObject({
      code: 'CONSUMER_STOPPED',
      message: expect.stringMatching(/consumer desk stopped/) as string,
    });
  });

  it('an emitted event is applied by the consumer of another service, a failure event too', async () => {
    const other = await serviceDatabase<BookDb>(inject('stack').databaseUrl, BOOK_TABLES);
    await applyOne(database, desk, opened({ key: 'a', n: 0 }));
    const applied = await applyOne(database, desk, paidIn({ key: 'a', n: 5 }));
    const refused = await applyOne(database, desk, paidIn({ key: 'a', n: 7 }));
    for (const event of [...applied.emitted, ...refused.emitted])
      expect(await applyOne(other, book, event)).toMatchObject({ kind: 'applied' });
    expect(await other.db.selectFrom('booking').select('n').orderBy('n').execute()).toEqual([
      { n: -1 },
      { n: 5 },
    ]);
    await other.close();
  });
});
