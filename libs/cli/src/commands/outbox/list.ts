import { type OutboxLimit, outboxMigrations } from '@convergekit/outbox';
import type { Database } from '@convergekit/postgres';
import { relayMigrations } from '@convergekit/relay';
import { survey } from '@convergekit/relay/operate';
import { systemClock } from '@convergekit/core';
import { CliError } from '../../frame/cli-error.ts';
import { withDatabase } from '../../frame/connections.ts';
import type { CommandContext } from '../../frame/context.ts';
import { formatBytes } from '../../doctor/size-checks.ts';
import { requireMigrations } from '../../frame/migrations.ts';
import { formatMs, table } from '../../frame/output.ts';
import { type EventFilter, listEvents, readTail, type Tail } from './events-sql.ts';
import { readPulse } from './stats-sql.ts';

export interface FilterFlags {
  readonly topic?: string;
  readonly key?: string;
  readonly type?: string;
  readonly id?: readonly string[];
  readonly from?: Date;
  readonly to?: Date;
}

export interface ListFlags extends FilterFlags {
  readonly published?: boolean;
  readonly pending?: boolean;
  readonly limit: number;
}

const TAIL_MS = 250;

export function withOutbox<T>(
  { settings }: CommandContext,
  fn: (database: Database) => Promise<T>,
): Promise<T> {
  return withDatabase(settings, 'converge-outbox', async (database) => {
    await requireMigrations(database.executor, [outboxMigrations, relayMigrations]);
    return fn(database);
  });
}

/** Backlog, age, rate, children, ticks, held topics. */
export function outboxStats(context: CommandContext): Promise<boolean> {
  return withOutbox(context, async ({ executor }) => {
    const found = await survey(executor, { lease: 'relay', now: () => systemClock.now() });
    const pulse = await readPulse(executor);
    context.output.result({ ...found, ...pulse }, () =>
      table([
        ['source', `${found.source}, epoch ${found.epoch}`],
        ['relay', found.holder ?? 'nobody leads'],
        ['not published', `${found.backlog} events of topics that flow`],
        ['oldest', found.backlog === 0 && pulse.held.length === 0 ? '-' : formatMs(found.oldestMs)],
        ['written', `${pulse.perMinute} in the last minute`],
        ['bytes', bytesText(found.limit)],
        ['ticks', `settled ${pulse.doneTick}, latest ${pulse.latestTick}, ${pulse.ticks} kept`],
        ['children', `${found.children}, ${found.childrenAhead} ahead`],
        ...pulse.held.map(({ topic, heldAt, reason }) => ['held', `${topic} from tick ${heldAt}: ${reason}`]),
      ]),
    );
    return true;
  });
}

function bytesText({ waitingBytes, totalBytes, maxBytes, measuredAgoMs }: OutboxLimit): string {
  if (measuredAgoMs === undefined) return 'not measured yet: the relay that leads does';
  const limit = maxBytes === undefined ? 'no limit' : `${formatBytes(maxBytes)} may`;
  return `${formatBytes(waitingBytes)} wait (${limit}), ${formatBytes(totalBytes)} on disk`;
}

/** The newest first. */
export function listOutbox(context: CommandContext, flags: ListFlags): Promise<boolean> {
  return withOutbox(context, async ({ executor }) => {
    const events = await listEvents(executor, filterOf(flags), flags.limit);
    context.output.result(events, () =>
      table(
        events.map((event) => [
          event.id,
          event.createdAt.toISOString(),
          event.published ? 'published' : 'pending',
          ...columnsOf(event),
        ]),
      ),
    );
    return true;
  });
}

/** What commits from now on, until Ctrl-C; with --json a document a line. */
export function tailOutbox(context: CommandContext, flags: FilterFlags): Promise<boolean> {
  const { output } = context;
  const filter = filterOf(flags);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  return withOutbox(context, async ({ executor }) => {
    let tail = await readTail(executor, undefined);
    output.progress('showing events as they commit; Ctrl-C ends it');
    while (!stop.signal.aborted) {
      tail = await readTail(executor, tail.snapshot);
      for (const event of tail.events.filter((one) => matches(one, filter)))
        output.line(event, () => `${event.createdAt.toISOString()}  ${columnsOf(event).join('  ')}`);
      await systemClock.sleep(TAIL_MS, stop.signal);
    }
    return true;
  });
}

function matches(event: Tail['events'][number], { topic, key, type, ids }: EventFilter): boolean {
  return (
    (topic === undefined || event.topic === topic) &&
    (key === undefined || event.key === key) &&
    (type === undefined || event.type === type) &&
    (ids === undefined || ids.includes(event.eventId))
  );
}

const columnsOf = (event: Tail['events'][number]): readonly string[] => [
  event.topic,
  event.key,
  event.type,
  event.eventId,
  `${event.bytes} B`,
];

export function filterOf(flags: FilterFlags & Pick<ListFlags, 'published' | 'pending'>): EventFilter {
  const { topic, key, type, id, from, to, published, pending } = flags;
  if (published === true && pending === true)
    throw new CliError('--published and --pending together leave nothing: use one of them', {
      code: 'FLAGS_CONTRADICT',
      category: 'configuration',
    });
  return {
    ...(topic === undefined ? {} : { topic }),
    ...(key === undefined ? {} : { key }),
    ...(type === undefined ? {} : { type }),
    ...(id === undefined ? {} : { ids: id }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(published === true ? { published } : pending === true ? { published: false } : {}),
  };
}
