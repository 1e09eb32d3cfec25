import { BusinessRejection, type Category, ConvergeError } from '@convergekit/core';
import { CATEGORIES, CERTAINTIES } from '@convergekit/core/engine';
import { WAIT_RULES } from '../../../resilience/src/wait.ts';
import { manualClock, waitUntil } from '@convergekit/testing';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { consumerRef } from '../define/consumer-ref.ts';
import { type ConsumerDefinition, defineConsumer } from '../define/define-consumer.ts';
import { FailureScene, sceneForEach } from '../fixture/failure-scene.ts';
import { inPlace, tag } from '../testing/quick.ts';
import { type LedgerDb, lines, note, testEvents } from '../fixture/ledger.ts';
import { removeEnded } from '../service/retention.ts';
import { ATTEMPT_OUTCOMES } from './attempt.ts';

const failing = (code: string, category: Category, retryAfterMs?: number) =>
  new ConvergeError(`${code} happened`, {
    code,
    category,
    certainty: 'not_applied',
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });

describe('attempts', () => {
  let scene: FailureScene;
  const { name, topic, counted } = sceneForEach((opened) => (scene = opened), { prefix: 'payments' });

  const rows = async () =>
    (
      await scene.database.executor.query(
        'select * from converge.inbox_attempt order by record_offset, number, started_at',
      )
    ).rows;
  const throwing = (errors: (n: number) => Error | undefined): ConsumerDefinition<LedgerDb> =>
    defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, async (event, { tx }) => {
      await note(tx, event);
      const error = errors(event.data.n);
      if (error !== undefined) throw error;
    });

  it('a first attempt that succeeds leaves no row and runs no statement', async () => {
    await scene.source.publish(scene.broker, [counted({ key: 'a', n: 0 }), counted({ key: 'b', n: 1 })]);
    await scene.start(throwing(() => undefined));
    await scene.settled(2);
    expect(await lines(scene.database)).toHaveLength(2);
    expect(await rows()).toEqual([]);
  });

  // Written with the attempt's own transaction they would be rolled back with it.
  it('S58, G5u: failed attempts before a success are recorded with it, each with the rule of its wait', async () => {
    const errors = [
      failing('AWAY', 'network'),
      failing('LOCKED', 'contention'),
      failing('BUSY', 'throttle', 30),
    ];
    const [id] = await scene.source.publish(scene.broker, [counted({ key: 'a', n: 0 })]);
    await scene.start(
      throwing(() => errors.shift()),
      { policies: inPlace({ attempts: 5 }) },
    );
    await scene.settled(1);
    const found = await rows();
    expect(found).toMatchObject([
      {
        number: 1,
        outcome: 'retry',
        code: 'AWAY',
        category: 'network',
        wait_rule: 'backoff',
        wait_cap_ms: '1',
      },
      { number: 2, outcome: 'rerun', code: 'LOCKED', wait_rule: 'contention' },
      { number: 2, outcome: 'retry', code: 'BUSY', category: 'throttle', wait_hint_ms: '30' },
      { number: 3, outcome: 'applied', code: null, category: null, wait_rule: null, wait_ms: null },
    ]);
    for (const row of found)
      expect(row).toMatchObject({
        consumer: name,
        handler: 'test.counted',
        phase: 'apply',
        event_id: id,
        topic,
      });
    expect(await lines(scene.database)).toHaveLength(1);
  });

  it('the attempts before a stop of the consumer are recorded, although no event is decided', async () => {
    await scene.source.publish(scene.broker, [counted({ key: 'a', n: 0 })]);
    const wrong = { code: 'CONFIG', category: 'configuration', certainty: 'not_applied' } as const;
    const service = await scene.start(
      throwing(() => new ConvergeError('PAYMENT_URL is empty: set it', wrong)),
    );
    await expect(service.done).rejects.toMatchObject({ code: 'CONSUMER_STOPPED' });
    expect(await rows()).toMatchObject([
      { number: 1, outcome: 'stop', code: 'CONFIG', category: 'configuration' },
    ]);
    expect(await lines(scene.database)).toEqual([]);
  });

  it('a running service removes old attempts and closed records in ranges', async () => {
    await scene.database.executor.query(
      `insert into converge.inbox_attempt (id, consumer, handler, phase, topic, partition, record_offset, key, number, started_at,
                                           duration_ms, outcome)
       select gen_random_uuid(), 'x', 'h', 'apply', 't', 0, n, 'k', 1, clock_timestamp() - n * interval '1 day', 1, 'applied'
         from generate_series(1, 40) n`,
    );
    const clock = manualClock();
    const ending = new AbortController();
    const { database } = scene;
    // One row of each state, forty days old: only records that need no action are removed.
    await database.executor.query(
      `insert into converge.parked (id, consumer, topic, state, handler, partition, record_offset, timestamp_ms, key, headers,
                                    category, certainty, code, failure_event, changed_at)
       select gen_random_uuid(), 'x', 't', state, 'h', 0, 0, 0, 'k', '[]', 'data', 'not_applied', 'X', gen_random_uuid(),
              clock_timestamp() - age * interval '1 day'
         from unnest(array['dead', 'rejected', 'skipped', 'superseded']) state, unnest(array[40, 20]) age`,
    );
    const keepMs = 30 * 86_400_000;
    const running = removeEnded(
      { database, clock, random: () => 0, keepAttemptsMs: keepMs, keepEndedMs: keepMs },
      ending.signal,
    );
    await clock.advance(600_000);
    await waitUntil(async () => (await rows()).length < 30, { what: 'the old ones to leave' });
    const kept = async () =>
      (await database.executor.query<{ state: string }>('select state from converge.parked order by state'))
        .rows;
    await waitUntil(async () => (await kept()).length < 8, { what: 'old records to leave' });
    ending.abort();
    await running;
    expect((await kept()).map(({ state }) => state)).toEqual([
      'dead',
      'dead',
      'rejected',
      'skipped',
      'superseded',
    ]);
    expect((await rows()).map(({ record_offset }) => Number(record_offset)).at(-1)).toBe(29);
  });

  it('the phases and outcomes of attempts are the same in the code and in the table', async () => {
    const { rows: checks } = await scene.database.executor.query<{ text: string }>(
      `select pg_get_constraintdef(oid) as text from pg_constraint
        where conrelid = 'converge.inbox_attempt'::regclass and contype = 'c'`,
    );
    const words = (column: string) => {
      const text = checks.map((check) => check.text).find((one) => one.startsWith(`CHECK ((${column} = ANY`));
      return [...(text ?? '').matchAll(/'([a-z_]+)'/g)].map(([, word]) => word);
    };
    expect(words('outcome')).toEqual(ATTEMPT_OUTCOMES);
    expect(words('wait_rule')).toEqual(WAIT_RULES);
    expect(words('category')).toEqual(CATEGORIES);
    expect(words('certainty')).toEqual(CERTAINTIES);
  });
});

describe('a compensation', () => {
  let scene: FailureScene;
  const payments = `payments-${tag()}`;
  const orders = `orders-${tag()}`;
  const topic = `shop-${tag()}`;
  const { counted } = testEvents(topic);

  beforeEach(async () => {
    scene = await FailureScene.open(inject('stack').databaseUrl, [
      topic,
      `${payments}.failures`,
      `${orders}.failures`,
    ]);
  });
  afterEach(() => scene.close());

  it('S23, G5u: a compensation names the attempt that caused it, in its row and in what it emits', async () => {
    await scene.source.publish(scene.broker, [counted({ key: 'a', n: 1 })]);
    await scene.start(
      defineConsumer<LedgerDb>(payments, { from: 'first' }).on(counted, () => {
        throw new BusinessRejection('card declined', { code: 'DECLINED' });
      }),
    );
    await waitUntil(async () => (await scene.outbox()).length > 0, { what: 'the failure event' });
    const [reported] = await scene.outbox();
    await scene.source.relay(scene.broker, reported!);
    await scene.start(
      defineConsumer<LedgerDb>(orders, { from: 'earliest' }).onFailure(
        consumerRef(payments),
        counted,
        (failure, { emit }) => emit(counted({ key: failure.event.key, n: -failure.event.data.n })),
      ),
    );
    await waitUntil(async () => (await scene.outbox()).length > 1, { what: 'the compensation' });
    const { rows } = await scene.database.executor.query<Record<string, string>>(
      `select c.phase, c.outcome, f.code, o.headers::json ->> 'ce_attemptid' = f.id::text as emitted
         from converge.inbox_attempt c join converge.inbox_attempt f on f.id = c.caused_by
         join converge.outbox o on o.headers::json ->> 'ce_causationid' = c.event_id
        where c.consumer = $1`,
      [orders],
    );
    expect(rows).toEqual([{ phase: 'failure', outcome: 'applied', code: 'DECLINED', emitted: true }]);
    // The check for orphans. (Planted fault: emits that do not take the failure event's ce_attemptid fail above.)
    const orphans = await scene.database.executor.query(
      `select c.id::text from converge.inbox_attempt c where c.phase in ('undo', 'failure')
          and not exists (select from converge.inbox_attempt f where f.id = c.caused_by)
       union all
       select o.event_id::text from converge.outbox o join converge.inbox_attempt c
              on c.event_id = o.headers::json ->> 'ce_causationid' and c.phase in ('undo', 'failure')
        where not exists (select from converge.inbox_attempt f where f.id::text = o.headers::json ->> 'ce_attemptid')`,
    );
    expect(orphans.rows).toEqual([]);
  });
});
