import { systemClock } from '@convergekit/core';
import { audit } from '../../frame/audit.ts';
import { CliError } from '../../frame/cli-error.ts';
import { confirm } from '../../frame/confirm.ts';
import type { CommandContext } from '../../frame/context.ts';
import { emitAgain, type Replay } from './emit-again.ts';
import { countEvents, type EventFilter, listEvents, readWhole } from './events-sql.ts';
import { filterOf, type FilterFlags, withOutbox } from './list.ts';

export interface AgainFlags extends FilterFlags {
  readonly limit: number;
  readonly rate: number;
  readonly afterRow?: bigint;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

/** Events of one transaction: it holds the locks of their keys. */
const BATCH = 100;

/** Emits events once more, as new events that name the old ones. Consumers handle them like any other. */
export function emitOutboxAgain(
  context: CommandContext,
  ids: readonly string[],
  flags: AgainFlags,
): Promise<boolean> {
  const { output } = context;
  const filter = {
    ...filterOf({ ...flags, ...(ids.length === 0 ? {} : { id: ids }) }),
    ...(flags.afterRow === undefined ? {} : { afterId: flags.afterRow }),
  };
  if (Object.keys(filter).length === 0)
    throw new CliError('name events: ids, or --topic, --key, --type, --from, --to', {
      code: 'FILTER_MISSING',
      category: 'configuration',
    });
  return withOutbox(context, async (database) => {
    const count = await countEvents(database.executor, filter);
    refuseOdd(count, ids, flags);
    if (flags.dryRun === true) {
      const events = await listEvents(database.executor, filter, flags.limit);
      output.result({ count, events: events.toReversed(), dryRun: true }, () => [
        `${count} events would be emitted again`,
        ...events
          .toReversed()
          .map(({ eventId, topic, key, type }) => `${eventId}  ${topic}  ${key}  ${type}`),
      ]);
      return true;
    }
    if (count > 0) await confirm(`Emit ${count} events again, under new ids?`, flags);
    // Events that are written meanwhile, these replays among them, are not part of it.
    const lastId = (await listEvents(database.executor, filter, 1))[0]?.id ?? '0';
    const { done, stoppedAt } = await emitAll(context, database, { filter, count, lastId, rate: flags.rate });
    audit('outbox again', { events: done.length, of: count, stoppedAt, filter: auditable(filter) });
    output.result({ count: done.length, of: count, events: done, stoppedAt }, () => [
      `emitted ${done.length} of ${count} events again`,
      ...done.map(({ eventId, replayOf }) => `${eventId}  replay of ${replayOf}`),
    ]);
    if (stoppedAt !== undefined) output.progress(`stopped; the rest: add --after-row ${stoppedAt}`);
    return stoppedAt === undefined;
  });
}

type Work = {
  readonly filter: EventFilter;
  readonly count: number;
  readonly lastId: string;
  readonly rate: number;
};

async function emitAll(
  { output }: CommandContext,
  database: Parameters<typeof emitAgain>[0],
  { filter, count, lastId, rate }: Work,
): Promise<{ readonly done: readonly Replay[]; readonly stoppedAt: string | undefined }> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  const done: Replay[] = [];
  let afterId = filter.afterId ?? 0n;
  const began = systemClock.monotonic();
  while (done.length < count) {
    if (stop.signal.aborted) return { done, stoppedAt: afterId.toString() };
    const page = await readWhole(database.executor, { ...filter, afterId }, Math.min(BATCH, rate));
    const events = page.filter(({ id }) => BigInt(id) <= BigInt(lastId));
    if (events.length === 0) break;
    done.push(...(await emitAgain(database, events)));
    afterId = BigInt(events.at(-1)?.id ?? afterId);
    output.progress(`${done.length} of ${count}`);
    const dueAt = began + (done.length / rate) * 1_000;
    if (done.length < count)
      await systemClock.sleep(Math.max(0, dueAt - systemClock.monotonic()), stop.signal);
  }
  return { done, stoppedAt: undefined };
}

function refuseOdd(count: number, ids: readonly string[], { limit, afterRow }: AgainFlags): void {
  if (ids.length > 0 && afterRow === undefined && count < new Set(ids).size)
    throw new CliError(
      `${new Set(ids).size - count} of the ids are not in the outbox: they were never written here, or retention dropped them`,
      { code: 'EVENTS_MISSING', category: 'data' },
    );
  if (count > limit)
    throw new CliError(
      `${count} events match, more than --limit ${limit}: narrow it down, or raise the limit`,
      {
        code: 'LIMIT_EXCEEDED',
        category: 'configuration',
      },
    );
}

const auditable = ({ ids, afterId, ...filter }: EventFilter): Readonly<Record<string, unknown>> => ({
  ...filter,
  ...(ids === undefined ? {} : { ids: ids.length }),
  ...(afterId === undefined ? {} : { afterId: afterId.toString() }),
});
