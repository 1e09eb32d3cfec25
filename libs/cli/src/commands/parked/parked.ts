import {
  editParked,
  groupParked,
  listParked,
  type ParkedFilter,
  type ParkedState,
  type ParkedSummary,
  readParked,
  retryParked,
  skipParked,
} from '@convergekit/inbox/operate';
import { inboxMigrations } from '@convergekit/inbox';
import type { Database } from '@convergekit/postgres';
import { systemClock } from '@convergekit/core';
import { audit, operator } from '../../frame/audit.ts';
import { CliError } from '../../frame/cli-error.ts';
import { confirm } from '../../frame/confirm.ts';
import { withDatabase } from '../../frame/connections.ts';
import type { CommandContext } from '../../frame/context.ts';
import { requireMigrations } from '../../frame/migrations.ts';
import { table } from '../../frame/output.ts';

export interface FilterFlags {
  readonly consumer?: string;
  readonly topic?: string;
  readonly key?: string;
  readonly category?: string;
  readonly code?: string;
  readonly state?: readonly ParkedState[];
}

export interface ListFlags extends FilterFlags {
  readonly events?: boolean;
  readonly limit: number;
}

export interface ActFlags {
  readonly reason: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

export interface RetryFlags extends ActFlags, FilterFlags {
  readonly all?: boolean;
  readonly rate: number;
  readonly limit: number;
}

export interface EditFlags extends ActFlags {
  readonly payload: string;
}

const filterOf = ({ consumer, topic, key, category, code, state }: FilterFlags): ParkedFilter => ({
  consumer,
  topic,
  key,
  category,
  code,
  states: state,
});

export function listParkedEvents(context: CommandContext, flags: ListFlags): Promise<boolean> {
  return within(context, async ({ executor }) => {
    if (flags.events === true) {
      const rows = await listParked(executor, filterOf(flags), flags.limit);
      context.output.result(rows, () => eventsTable(rows));
      return true;
    }
    const groups = await groupParked(executor, filterOf(flags));
    context.output.result(groups, () =>
      table([
        ['CONSUMER', 'TOPIC', 'STATE', 'EVENTS', 'KEYS', 'OLDEST', 'FAILURE'],
        ...groups.map((one) => [
          one.consumer,
          one.topic,
          one.state,
          String(one.events),
          String(one.keys),
          one.oldest.toISOString(),
          one.code === null
            ? 'behind another event of its key'
            : `${one.category} ${one.code}${one.structural ? ' (structural)' : ''}: ${one.reason ?? ''}`,
        ]),
      ]),
    );
    return true;
  });
}

function eventsTable(rows: readonly ParkedSummary[]): readonly string[] {
  return table([
    ['ID', 'CONSUMER', 'PLACE', 'KEY', 'TYPE', 'STATE', 'NEXT', 'FAILURE'],
    ...rows.map((row) => [
      row.id,
      row.consumer,
      `${row.topic}/${row.partition}@${row.offset}`,
      row.key,
      row.type ?? 'unreadable',
      row.state,
      row.nextAt?.toISOString() ?? '-',
      row.code === null ? '-' : `${row.category} ${row.code}`,
    ]),
  ]);
}

export function showParked(context: CommandContext, id: string): Promise<boolean> {
  return within(context, async ({ executor }) => {
    const found = await readParked(executor, id);
    if (found === undefined) throw notThere(id);
    const { payload, edited, headers, ...rest } = found;
    const shown = {
      ...rest,
      headers: JSON.parse(headers) as unknown,
      payload: payload?.toString('utf8') ?? null,
      ...(edited === null ? {} : { edited: edited.toString('utf8') }),
    };
    context.output.result(shown, () => JSON.stringify(shown, null, 2).split('\n'));
    return true;
  });
}

/** One, those that match, or all; one transaction each, so that a stop in between leaves whole events. */
export function retryParkedEvents(
  context: CommandContext,
  ids: readonly string[],
  flags: RetryFlags,
): Promise<boolean> {
  const filter = filterOf(flags);
  const narrow = ids.length > 0 || Object.values(filter).some((value) => value !== undefined);
  if (!narrow && flags.all !== true)
    throw new CliError('which? Give ids, a filter (--consumer, --key, --code …), or --all', {
      code: 'NOTHING_NAMED',
      category: 'configuration',
    });
  return within(context, async (database) => {
    const states = filter.states ?? (ids.length > 0 ? undefined : ['dead']);
    const wanted = { ...filter, states, ids: ids.length > 0 ? ids : undefined };
    const rows = await listParked(database.executor, wanted, flags.limit + 1);
    if (rows.length > flags.limit)
      throw new CliError(`more than ${flags.limit} match: narrow the filter, or raise --limit`, {
        code: 'TOO_MANY',
        category: 'configuration',
      });
    const { output } = context;
    if (flags.dryRun === true) {
      output.result(rows, () => [...eventsTable(rows), `would try ${rows.length} again`]);
      return true;
    }
    await confirm(`Try ${rows.length} again?`, flags);
    const who = { by: operator(), reason: flags.reason };
    const done: { id: string; result: string }[] = [];
    for (const { id } of rows) {
      if (done.length > 0) await systemClock.sleep(1_000 / flags.rate);
      // What was applied meanwhile, or waits behind another, is told and passed.
      const result = await retryParked(database, id, who).catch((error: unknown) => told(error));
      done.push({ id, result });
    }
    const retried = done.filter(({ result }) => result === 'run' || result === 'due').length;
    audit('parked retry', { retried, of: rows.length, reason: flags.reason });
    output.result(done, () => [
      ...done.map(({ id, result }) => `${id}: ${result}`),
      `${retried} tried again`,
    ]);
    return retried === rows.length;
  });
}

export function skipParkedEvents(
  context: CommandContext,
  ids: readonly string[],
  flags: ActFlags,
): Promise<boolean> {
  return within(context, async (database) => {
    const { output } = context;
    const rows = await listParked(database.executor, { ids }, ids.length);
    const missing = ids.find((id) => !rows.some((row) => row.id === id));
    if (missing !== undefined) throw notThere(missing);
    if (flags.dryRun === true) {
      output.result(rows, () => [...eventsTable(rows), `would skip ${rows.length}`]);
      return true;
    }
    await confirm(`Leave ${ids.length} out for good?`, flags);
    for (const id of ids) {
      await skipParked(database, id, { by: operator(), reason: flags.reason });
      audit('parked skip', { id, reason: flags.reason });
    }
    output.result({ skipped: ids }, () => ids.map((id) => `${id}: skipped`));
    return true;
  });
}

export function editParkedEvent(context: CommandContext, id: string, flags: EditFlags): Promise<boolean> {
  try {
    JSON.parse(flags.payload);
  } catch (cause) {
    throw new CliError('--payload is no JSON, so no handler could read it', {
      code: 'PAYLOAD_INVALID',
      category: 'configuration',
      cause,
    });
  }
  return within(context, async (database) => {
    const { output } = context;
    const found = await readParked(database.executor, id);
    if (found === undefined) throw notThere(id);
    output.progress(`was: ${(found.edited ?? found.payload)?.toString('utf8') ?? 'no payload'}`);
    if (flags.dryRun === true) {
      output.result({ id, payload: flags.payload }, () => [`would be: ${flags.payload}`]);
      return true;
    }
    await confirm(`Put this in its place: ${flags.payload}?`, flags);
    await editParked(database, id, Buffer.from(flags.payload), { by: operator(), reason: flags.reason });
    audit('parked edit', { id, reason: flags.reason });
    output.result({ edited: id }, () => [`${id}: edited; \`converge parked retry ${id}\` tries it`]);
    return true;
  });
}

function within(context: CommandContext, work: (database: Database) => Promise<boolean>): Promise<boolean> {
  return withDatabase(context.settings, 'converge-parked', async (database) => {
    await requireMigrations(database.executor, [inboxMigrations]);
    return work(database);
  });
}

function told(error: unknown): string {
  const { code } = error as { readonly code?: unknown };
  if (error instanceof Error && typeof code === 'string' && code.startsWith('PARKED_')) return error.message;
  throw error;
}

function notThere(id: string): CliError {
  return new CliError(
    `there is no parked event ${id} in this database: it was applied meanwhile, or it is of another consumer's database`,
    { code: 'PARKED_GONE', category: 'data' },
  );
}
