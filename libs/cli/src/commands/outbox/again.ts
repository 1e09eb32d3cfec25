import { versionOf, WIRE } from '@convergekit/contracts/engine';
import { newUuidV7, systemClock } from '@convergekit/core';
import { createOutbox, outboxMigrations } from '@convergekit/outbox';
import type { AppendEvent } from '@convergekit/outbox/engine';
import { type Database, withTransaction } from '@convergekit/postgres';
import { relayMigrations } from '@convergekit/relay';
import { command } from '../../frame/command.ts';
import type { CommandContext } from '../../frame/context.ts';
import { refused, UsageError } from '../../frame/errors.ts';
import { anyArguments, asks, bigWhole, count, dryRun, eventIds, type Flag } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';
import { countEvents, type EventFilter, listEvents, readWhole, type WholeEvent } from './events-sql.ts';
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
    if (events > 0) await context.confirm(`Emit ${events} events again, under new ids?`);
    // Events that are written meanwhile, these replays among them, are not part of it.
    const lastId = (await listEvents(database.executor, wanted, 1))[0]?.id ?? '0';
    const { done, stoppedAt } = await emitAll(context, database, { wanted, events, lastId, rate });
    context.audit({ events: done.length, of: events, stoppedAt, filter: auditable(wanted) });
    if (stoppedAt !== undefined) context.output.progress(`stopped; the rest: add --after-row ${stoppedAt}`);
    return result(
      { count: done.length, of: events, events: done, stoppedAt },
      () => [
        `emitted ${done.length} of ${events} events again`,
        ...done.map(({ eventId, replayOf }) => `${eventId}  replay of ${replayOf}`),
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

async function emitAll(
  context: CommandContext,
  database: Database,
  { wanted, events, lastId, rate }: Work,
): Promise<{ readonly done: readonly Replay[]; readonly stoppedAt: string | undefined }> {
  const stop = context.stopRequested();
  const done: Replay[] = [];
  let afterId = wanted.afterId ?? 0n;
  const began = systemClock.monotonic();
  while (done.length < events) {
    if (stop.aborted) return { done, stoppedAt: afterId.toString() };
    const page = await readWhole(database.executor, { ...wanted, afterId }, Math.min(BATCH, rate));
    const batch = page.filter(({ id }) => BigInt(id) <= BigInt(lastId));
    if (batch.length === 0) break;
    done.push(...(await emitAgain(context, database, batch)));
    afterId = BigInt(batch.at(-1)?.id ?? afterId);
    context.output.progress(`${done.length} of ${events}`);
    const dueAt = began + (done.length / rate) * 1_000;
    if (done.length < events) await systemClock.sleep(Math.max(0, dueAt - systemClock.monotonic()), stop);
  }
  return { done, stoppedAt: undefined };
}

interface Replay {
  readonly eventId: string;
  readonly replayOf: string;
}

/** A new event with the old one's content and headers. Pure. */
function replayOf(event: WholeEvent, id: string): AppendEvent & { readonly id: string } {
  const { topic, key, type, payload } = event;
  const headers = JSON.parse(event.headers) as Record<string, string>;
  const version = versionOf(headers[WIRE.dataSchema]);
  return { id, topic, key, type, version, payload, headers: { ...headers, [WIRE.replayOf]: event.eventId } };
}

/** Writes events again, in order, in one transaction: by the append, with the locks of the keys. */
async function emitAgain(
  context: CommandContext,
  database: Database,
  events: readonly WholeEvent[],
): Promise<readonly Replay[]> {
  const outbox = createOutbox([]);
  // Made before the transaction: when it is rerun, the ids stay.
  const replays = events.map((event) => ({ event, made: replayOf(event, newUuidV7()) }));
  await withTransaction(database, {}, async (tx) => {
    await outbox.append(
      tx,
      replays.map(({ made }) => made),
    );
    for (const { event, made } of replays)
      await context.record(tx, {
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
