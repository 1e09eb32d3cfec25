import { versionOf, WIRE } from '@convergekit/contracts/engine';
import { type Clock, newUuidV7 } from '@convergekit/core';
import type { DomainEvent } from '@convergekit/contracts';
import { type AppendEvent, createEngineOutbox } from '@convergekit/outbox/engine';
import { type Database, executorOf } from '@convergekit/postgres';
import { recordAct } from '@convergekit/postgres/operate';
import { lastActs } from '../audit/last-acts.ts';
import { refused, UsageError } from '../host/errors.ts';
import { explain } from '../host/explain.ts';
import { act, type Acting } from '../registry/act.ts';
import { requireExpected } from '../registry/each.ts';
import { asked, bigIndex, eventIds, type InputOf, optional, wholeOf } from '../registry/fields.ts';
import type { Reads } from '../registry/reads.ts';
import { concernedOf, oneSource } from '../source/one-source.ts';
import { countEvents, type EventFilter, listEvents, readWhole, type WholeEvent } from './events-sql.ts';
import { filter, tables } from './list.ts';

/** The number of events in a transaction, which holds the locks of their keys. */
const BATCH = 100;

const input = {
  ids: eventIds('event ids (ce_id)'),
  ...filter,
  rate: asked(wholeOf('events/s', 'at most so many events a second', 500, 10_000)),
  afterRow: optional(bigIndex('continue where a run was stopped, behind this row of `outbox list`')),
};
type Input = InputOf<typeof input>;

/** Emits events once more, as new events that name the old ones. Consumers handle them like any other. */
export const again = act({
  name: 'outbox.again',
  title: 'Emit again',
  summary: 'emit events again: new ids, ce_replayof names the old one',
  did: 'emitted',
  usualReason: 'emitted again',
  tables,
  input,
  most: { unit: 'events', initial: 1_000 },
  concerns: concernedOf,
  preview: async (reads, given) => {
    const { database, wanted, events } = await meant(reads, given);
    return {
      eligible: events,
      unit: events === 1 ? 'event' : 'events',
      others: [],
      effect:
        'Each is emitted again under a new id, in the order of its key: consumers handle it like any other.',
      refusal: 'EVENTS_MISSING',
      notes: await lastActs(database.executor, wanted.ids ?? [], 'event'),
      things: async () => {
        const found = (await listEvents(database.executor, wanted, events)).toReversed();
        return {
          rows: { count: events, events: found, dryRun: true },
          lines: found.map((one) => `${one.eventId}  ${one.topic}  ${one.key}  ${one.type}`),
        };
      },
    };
  },
  run: async (reads, given, acting) => {
    const { database, wanted, events } = await meant(reads, given);
    requireExpected(events, 'events match', acting);
    // Events that are written meanwhile, these replays among them, are not part of it.
    const lastId = (await listEvents(database.executor, wanted, 1))[0]?.id ?? '0';
    const work = { wanted, events, lastId, rate: given.rate };
    const { done, stoppedAt, failure } = await emitAll(database.database, work, acting, reads.clock);
    const stopped = failure === undefined ? 'stopped' : `stopped: ${failure}`;
    return {
      text: `emitted ${done.length} of ${events} events again`,
      changed: done.length,
      lines: done.map(({ eventId, replayOf: old }) => `${eventId}  replay of ${old}`),
      refused: stoppedAt === undefined ? [] : [`${stopped}; the rest: add --after-row ${stoppedAt}`],
      value: { count: done.length, of: events, events: done, stoppedAt, failure },
    };
  },
});

/** Returns the events that are meant, and their number. Refuses nothing in particular, and ids that are not there. */
async function meant(reads: Reads, { ids, afterRow: afterId, topic, key, type, from, to }: Input) {
  const named = [...new Set(ids.map((id) => id.toLowerCase()))];
  const wanted: EventFilter = {
    topic,
    key,
    type,
    from,
    to,
    afterId,
    ids: ids.length === 0 ? undefined : named,
  };
  if (Object.values(wanted).every((one) => one === undefined))
    throw new UsageError('FILTER_MISSING', 'name events: ids, or --topic, --key, --type, --from, --to');
  const database = await oneSource(reads);
  const events = await countEvents(database.executor, wanted);
  if (afterId === undefined && events < named.length)
    throw refused(
      'EVENTS_MISSING',
      `${named.length - events} of the ids are not in the outbox: they were never written here, or retention dropped them`,
    );
  return { database, wanted, events };
}

interface Work {
  readonly wanted: EventFilter;
  readonly events: number;
  readonly lastId: string;
  readonly rate: number;
}

interface Done {
  readonly done: readonly Replay[];
  /** The row behind which the rest begins; undefined: all were emitted. */
  readonly stoppedAt?: string;
  /** Why the rest was not emitted; undefined: an operator stopped the command. */
  readonly failure?: string;
}

/** Emits batch after batch. One that fails stops the rest: what was emitted before must not be emitted by a repeat. */
async function emitAll(
  database: Database,
  { wanted, events, lastId, rate }: Work,
  { by, report, signal }: Acting,
  clock: Clock,
): Promise<Done> {
  const done: Replay[] = [];
  let afterId = wanted.afterId ?? 0n;
  const began = clock.monotonic();
  while (done.length < events) {
    if (signal.aborted) return { done, stoppedAt: afterId.toString() };
    const page = await readWhole(database.executor, { ...wanted, afterId }, Math.min(BATCH, rate));
    const batch = page.filter(({ id }) => BigInt(id) <= BigInt(lastId));
    if (batch.length === 0) break;
    try {
      done.push(...(await emitAgain(by, database, batch)));
    } catch (error) {
      if (done.length === 0) throw error;
      const called = { name: 'outbox again', things: batch.map(({ eventId }) => eventId) };
      return { done, stoppedAt: afterId.toString(), failure: explain(error, called).message };
    }
    afterId = BigInt(batch.at(-1)?.id ?? afterId);
    report(done.length, events, `${done.length} of ${events}`);
    const dueAt = began + (done.length / rate) * 1_000;
    if (done.length < events) await clock.sleep(Math.max(0, dueAt - clock.monotonic()), signal);
  }
  return { done };
}

interface Replay {
  readonly eventId: string;
  readonly replayOf: string;
}

/** A new event with the old one's content and headers. Pure. */
function replayOf(event: WholeEvent, id: string): AppendEvent & { readonly id: string } {
  const { topic, key, type, payload, search } = event;
  const headers = JSON.parse(event.headers) as Record<string, string>;
  const version = versionOf(headers[WIRE.dataSchema]);
  const replay = { id, topic, key, type, version, payload, ...(search !== null && { search }) };
  return { ...replay, headers: { ...headers, [WIRE.replayOf]: event.eventId } };
}

const outbox = createEngineOutbox([]);

/** Writes events again, in order, in one transaction of the outbox, which finds out what became of a lost COMMIT. */
async function emitAgain(
  by: string,
  { db }: Database,
  events: readonly WholeEvent[],
): Promise<readonly Replay[]> {
  // Made before the transaction: when it is rerun, the ids stay.
  const replays = events.map((event) => ({ event, made: replayOf(event, newUuidV7()) }));
  await outbox.transaction(db, { isolation: 'read committed' }, async ({ tx, emit }) => {
    // A definition is what an emitted event has besides: these were checked when they were first emitted.
    for (const { made } of replays) emit(made as unknown as DomainEvent);
    for (const { event, made } of replays)
      await recordAct(executorOf(tx), {
        by,
        act: 'outbox again',
        subject: event.eventId,
        reason: 'emitted again',
        before: { topic: event.topic, key: event.key },
        after: { event: made.id },
      });
  });
  return replays.map(({ event, made }) => ({ eventId: made.id, replayOf: event.eventId }));
}
