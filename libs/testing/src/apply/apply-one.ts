import type { ConsumerDefinition } from '@convergekit/inbox';
import { listParked } from '@convergekit/inbox/operate';
import type { Database } from '@convergekit/postgres';
import { hasTables } from '@convergekit/postgres/engine';
import type { BenchOptions } from './bench-options.ts';
import { ConsumerBench } from './consumer-bench.ts';
import { consumerLog } from './consumer-log.ts';
import { asEmitted, type GivenEvent, emittedOf } from './events.ts';
import { endOf, type Outcome, type Effects } from './outcome.ts';
import { type CallRow, readCalls } from './calls-sql.ts';
import { readOutbox, readSource } from './outbox-sql.ts';
import { readTables } from './tables-sql.ts';
import { writtenBetween } from './written.ts';

export interface ApplyOneOptions extends BenchOptions {
  /** Events that were published before this one and never arrive. @default none */
  readonly missing?: readonly GivenEvent[];
  /** Whether the tables are compared, which reads all of their rows twice. @default true */
  readonly written?: boolean;
}

/**
 * Applies one event by the real consumer on the real database, through its slice, and returns what became of it. The
 * same event object again is the same event again: a duplicate. Use one `connect` for a test's database: what was
 * delivered is remembered with it. When it resolves, nothing runs any more.
 * @example
 * ```ts
 * import { applyOne } from '@convergekit/testing';
 * import { database, orderPlaced, payments } from './shop.ts';
 *
 * const outcome = await applyOne(database, payments, orderPlaced({ orderId: 'o-1', cents: 4_999 }));
 * console.log(outcome.kind, outcome.written, outcome.emitted); // 'applied'
 * ```
 */
export async function applyOne<DB>(
  database: Database<DB>,
  consumer: ConsumerDefinition<DB>,
  event: GivenEvent,
  options: ApplyOneOptions = {},
): Promise<Outcome> {
  const log = consumerLog(database, consumer.name);
  const turn = log.turn.then(() => applied(database, consumer, event, options));
  log.turn = turn.catch(() => undefined);
  return turn;
}

async function applied<DB>(
  database: Database<DB>,
  consumer: ConsumerDefinition<DB>,
  given: GivenEvent,
  { missing = [], written = true, ...options }: ApplyOneOptions,
): Promise<Outcome> {
  const event = asEmitted(given);
  const changes = await observe(database, written);
  const bench = await ConsumerBench.open(database, consumer, options);
  try {
    for (const lost of missing) bench.lose(asEmitted(lost));
    const settled = await bench.deliver(event);
    const rows = await listParked(database.executor, { consumer: consumer.name }, 10_000);
    const end = endOf(
      settled,
      rows.find(({ eventId }) => eventId === event.id),
    );
    return { ...end, eventId: event.id, handled: settled.calls, ...(await changes()) };
  } finally {
    await bench.close();
  }
}

/** Looks at a service's database now; the result gives what has changed since. */
async function observe<DB>(
  { executor }: Database<DB>,
  tables: boolean,
): Promise<() => Promise<Pick<Effects, 'written' | 'emitted' | 'calls'>>> {
  const source = await readSource(executor);
  const withCalls = await hasTables(executor, 'converge.saga_work');
  const callsNow = (): Promise<readonly CallRow[]> => (withCalls ? readCalls(executor) : Promise.resolve([]));
  const tablesNow = () => (tables ? readTables(executor) : Promise.resolve(new Map()));
  const eventsBefore = new Set((await readOutbox(executor)).map(({ eventId }) => eventId));
  const callsBefore = new Set((await callsNow()).map(({ id }) => id));
  const before = await tablesNow();
  return async () => ({
    written: writtenBetween(before, await tablesNow()),
    emitted: (await readOutbox(executor))
      .filter(({ eventId }) => !eventsBefore.has(eventId))
      .map((row) => emittedOf(row, source)),
    calls: (await callsNow())
      .filter(({ id }) => !callsBefore.has(id))
      .map(({ call, input, idempotencyKey, step }) => ({ call, input, idempotencyKey, step })),
  });
}
