import { versionOf, WIRE } from '@convergekit/contracts/engine';
import { newUuidV7, systemClock } from '@convergekit/core';
import type { DomainEvent } from '@convergekit/contracts';
import { outboxMigrations } from '@convergekit/outbox';
import { type AppendEvent, createEngineOutbox } from '@convergekit/outbox/engine';
import { type Database, executorOf } from '@convergekit/postgres';
import { relayMigrations } from '@convergekit/relay';
import { reportLastActs } from '../../frame/last-acts.ts';
import { command } from '../../frame/command.ts';
import type { CommandContext } from '../../frame/context.ts';
import { refused, UsageError } from '@convergekit/operate/errors';
import { explain } from '@convergekit/operate/host';
import { anyArguments, asks, bigWhole, count, dryRun, eventIds, type Flag } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';
import { countEvents, type EventFilter, listEvents, readWhole, type WholeEvent } from '@convergekit/operate';
import { filter, span } from './list.ts';

const afterRow: Flag<bigint | undefined> = {
  help: 'continue where a run was stopped, behind this row of `outbox list`',
  value: 'row',
  parse: bigWhole,
};

/** The number of events in a transaction, which holds the locks of their keys. */
const BATCH = 100;

/** Emits events once more, as new events that name the old ones. Consumers handle them like any other. */
export const againCommand = command({
  name: 'again',
  summary: 'emit events again: new ids, ce_replayof names the old one',
  args: { ids: { ...anyArguments('event ids (ce_id)'), parse: eventIds } },
  flags: {
    ...filter,
    ...span,
    limit: count('events', 'refuse when more events match', 1_000),
    rate: count('events/s', 'at most so many events a second', 500),
    afterRow,
    ...dryRun,
    ...asks,
  },
  run: async (context, { ids, limit, rate, afterRow: afterId, dryRun: dry, topic, key, type, from, to }) => {
    const named = [...new Set(ids)];
    const wanted: EventFilter = {
      topic,
      key,
      type,
      from,
      to,
      ids: ids.length === 0 ? undefined : named,
      afterId,
    };
    if (Object.values(wanted).every((one) => one === undefined))
      throw new UsageError('FILTER_MISSING', 'name events: ids, or --topic, --key, --type, --from, --to');
    const database = await context.database(outboxMigrations, relayMigrations);
    const events = await countEvents(database.executor, wanted);
    if (afterId === undefined && events < named.length)
      throw refused(
        'EVENTS_MISSING',
        `${named.length - events} of the ids are not in the outbox: they were never written here, or retention dropped them`,
      );
    if (events > limit)
      throw new UsageError(
        'LIMIT_EXCEEDED',
        `${events} events match, more than --limit ${limit}: narrow the filter, or raise the limit`,
      );
    if (dry) {
      const found = (await listEvents(database.executor, wanted, limit)).toReversed();
      return result({ count: events, events: found, dryRun: true }, () => [
        `${events} events would be emitted again`,
        ...found.map((one) => `${one.eventId}  ${one.topic}  ${one.key}  ${one.type}`),
      ]);
    }
    await reportLastActs(context, database.executor, named, 'event');
    if (events > 0) await context.confirm(`Emit ${events} events again, under new ids?`);
    // Events that are written meanwhile, these replays among them, are not part of it.
    const lastId = (await listEvents(database.executor, wanted, 1))[0]?.id ?? '0';
    const { done, stoppedAt, failure } = await emitAll(context, database, { wanted, events, lastId, rate });
    context.audit({ events: done.length, of: events, stoppedAt, filter: auditable(wanted) });
    const stopped = failure === undefined ? 'stopped' : `stopped: ${failure}`;
    return result(
      { count: done.length, of: events, events: done, stoppedAt, failure },
      () => [
        `emitted ${done.length} of ${events} events again`,
        ...done.map(({ eventId, replayOf }) => `${eventId}  replay of ${replayOf}`),
        ...(stoppedAt === undefined ? [] : [`${stopped}; the rest: add --after-row ${stoppedAt}`]),
      ],
      stoppedAt === undefined,
    );
  },
});

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
  context: CommandContext,
  database: Database,
  { wanted, events, lastId, rate }: Work,
): Promise<Done> {
  const stop = context.stopRequested();
  const done: Replay[] = [];
  let afterId = wanted.afterId ?? 0n;
  const began = systemClock.monotonic();
  while (done.length < events) {
    if (stop.aborted) return { done, stoppedAt: afterId.toString() };
    const page = await readWhole(database.executor, { ...wanted, afterId }, Math.min(BATCH, rate));
    const batch = page.filter(({ id }) => BigInt(id) <= BigInt(lastId));
    if (batch.length === 0) break;
    try {
      done.push(...(await emitAgain(context, database, batch)));
    } catch (error) {
      if (done.length === 0) throw error;
      const called = { name: 'outbox again', things: batch.map(({ eventId }) => eventId) };
      return { done, stoppedAt: afterId.toString(), failure: explain(error, called).message };
    }
    afterId = BigInt(batch.at(-1)?.id ?? afterId);
    context.output.progress(`${done.length} of ${events}`);
    const dueAt = began + (done.length / rate) * 1_000;
    if (done.length < events) await systemClock.sleep(Math.max(0, dueAt - systemClock.monotonic()), stop);
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
  context: CommandContext,
  { db }: Database,
  events: readonly WholeEvent[],
): Promise<readonly Replay[]> {
  // Made before the transaction: when it is rerun, the ids stay.
  const replays = events.map((event) => ({ event, made: replayOf(event, newUuidV7()) }));
  await outbox.transaction(db, { isolation: 'read committed' }, async ({ tx, emit }) => {
    // A definition is what an emitted event has besides: these were checked when they were first emitted.
    for (const { made } of replays) emit(made as unknown as DomainEvent);
    for (const { event, made } of replays)
      await context.record(executorOf(tx), {
        act: 'outbox again',
        subject: event.eventId,
        reason: 'emitted again',
        before: { topic: event.topic, key: event.key },
        after: { event: made.id },
      });
  });
  return replays.map(({ event, made }) => ({ eventId: made.id, replayOf: event.eventId }));
}

const auditable = ({ ids, afterId, ...rest }: EventFilter): Readonly<Record<string, unknown>> => ({
  ...rest,
  ids: ids?.length,
  afterId: afterId?.toString(),
});
