import { inboxMigrations } from '@convergekit/inbox';
import {
  groupParked,
  listParked,
  PARKED_STATES,
  type ParkedFilter,
  type ParkedSummary,
  readParked,
} from '@convergekit/inbox/operate';
import type { ConvergeError } from '@convergekit/core';
import type { Executor } from '@convergekit/postgres';
import { reportLastActs } from '../../frame/last-acts.ts';
import type { CommandContext } from '../../frame/context.ts';
import { command } from '../../frame/command.ts';
import { argument, states, count, instant, text, toggle, type Values } from '../../frame/flags.ts';
import { listing, result, tableOf } from '../../frame/result.ts';
import { requireConsumer, requireHandler } from '../consumers/known-consumer.ts';
import { refused } from '@convergekit/operate/errors';
import { fieldLines } from '../../frame/fields.ts';

/** Options that choose parked events. */
export const filter = {
  consumer: text('name', 'only events of this consumer'),
  topic: text('name', 'only events of this topic'),
  key: text('key', 'only events of this key'),
  category: text('category', 'only failures of this category'),
  code: text('code', 'only failures with this code'),
  handler: text('name', 'only events of this handler'),
  fingerprint: text(
    'hash',
    'only failures of this shape, as `parked list --events --json` and the console show it',
  ),
  since: instant('only events parked at this time or later'),
  until: instant('only events parked before this time'),
  state: states(PARKED_STATES, 'only events in these states'),
};

/** Converts the options to the inbox's filter; undefined matches any value. Other options of a command are left out. */
export const wantedOf = (flags: Values<typeof filter>): ParkedFilter => ({
  consumer: flags.consumer,
  topic: flags.topic,
  key: flags.key,
  category: flags.category,
  code: flags.code,
  handler: flags.handler,
  fingerprint: flags.fingerprint,
  since: flags.since,
  until: flags.until,
  states: flags.state.length === 0 ? undefined : flags.state,
});

export const listCommand = command({
  name: 'list',
  summary: 'what is parked in DATABASE_URL, grouped by failure',
  flags: {
    ...filter,
    events: toggle('one by one, in the order in which they were parked'),
    limit: count('events', 'with --events: at most so many events', 50),
  },
  run: async (context, { events, limit, ...flags }) => {
    const { executor } = await context.database(inboxMigrations);
    await requireNames(executor, flags);
    if (events) {
      const rows = await listParked(executor, wantedOf(flags), limit);
      return listing(rows, NONE, eventColumns);
    }
    return listing(await groupParked(executor, wantedOf(flags)), NONE, {
      consumer: (row) => row.consumer,
      topic: (row) => row.topic,
      state: (row) => row.state,
      events: (row) => row.events,
      keys: (row) => row.keys,
      oldest: (row) => row.oldest,
      failure: (row) =>
        row.code === null
          ? 'behind another event of its key'
          : `${row.category} ${row.code}${row.structural ? ' (structural)' : ''}: ${row.reason ?? ''}`,
    });
  },
});

/** Refuses names of consumers and handlers that the database has not, of which nothing would match. */
export async function requireNames(
  executor: Executor,
  { consumer, handler }: Pick<Values<typeof filter>, 'consumer' | 'handler'>,
): Promise<void> {
  await requireConsumer(executor, consumer);
  await requireHandler(executor, handler, consumer);
}

const NONE = 'no parked events';

const eventColumns = {
  id: (row: ParkedSummary) => row.id,
  consumer: (row: ParkedSummary) => row.consumer,
  place: (row: ParkedSummary) => `${row.topic}/${row.partition}@${row.offset}`,
  key: (row: ParkedSummary) => row.key,
  type: (row: ParkedSummary) => row.type ?? 'unreadable',
  state: (row: ParkedSummary) => row.state,
  next: (row: ParkedSummary) => row.nextAt,
  failure: (row: ParkedSummary) => (row.code === null ? null : `${row.category} ${row.code}`),
};

export const eventLines = (rows: readonly ParkedSummary[]): readonly string[] =>
  tableOf(rows, NONE, eventColumns);

export const showCommand = command({
  name: 'show',
  summary: 'one event: headers, payload, every attempt, what operators did',
  args: { id: argument('as `parked list --events` shows it') },
  run: async (context, { id }) => {
    const { executor } = await context.database(inboxMigrations);
    const { payload, edited, headers, ...rest } = await requireParked(executor, id);
    const shown = {
      ...rest,
      headers: JSON.parse(headers) as unknown,
      payload: payload?.toString('utf8') ?? null,
      ...(edited === null ? {} : { edited: edited.toString('utf8') }),
    };
    return result(shown, () => fieldLines(shown));
  },
});

/** Reads a parked event. Rejects with PARKED_GONE for one that is not there any more. */
export async function requireParked(
  executor: Executor,
  id: string,
): Promise<NonNullable<Awaited<ReturnType<typeof readParked>>>> {
  const found = await readParked(executor, id);
  if (found === undefined) throw parkedGone(id);
  return found;
}

/** Parked events that a command names. */
interface NamedParked {
  readonly rows: readonly ParkedSummary[];
  /** The refusals of those that are not there any more, or never were. */
  readonly gone: readonly ConvergeError[];
}

/** Reads parked events by their ids, and reports the last act on each. Rejects with PARKED_GONE when none is there. */
export async function requireSomeParked(
  context: CommandContext,
  executor: Executor,
  ids: readonly string[],
): Promise<NamedParked> {
  await reportLastActs(context, executor, ids);
  const rows = await listParked(executor, { ids }, ids.length);
  const gone = ids.filter((id) => !rows.some((row) => row.id === id)).map(parkedGone);
  if (rows.length === 0 && gone[0] !== undefined) throw gone[0];
  return { rows, gone };
}

const parkedGone = (id: string): ConvergeError =>
  refused(
    'PARKED_GONE',
    `there is no parked event ${id} in this database: it was applied meanwhile, or it is of another consumer's database; \`converge parked list --events\` shows what is parked`,
  );
