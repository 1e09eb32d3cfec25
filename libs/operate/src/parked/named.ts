import type { ConvergeError } from '@convergekit/core';
import { listParked, type ParkedSummary, readParked } from '@convergekit/inbox/operate';
import type { NamedDatabase } from '../doctor/examine-database.ts';
import { refused } from '../host/errors.ts';
import type { Reads } from '../registry/reads.ts';

/** A parked event, and the database that has it. */
export interface Placed<Event> {
  readonly database: NamedDatabase;
  readonly event: Event;
}

export type ParkedDetail = NonNullable<Awaited<ReturnType<typeof readParked>>>;

/** Reads a parked event. Rejects with PARKED_GONE for one that is not there any more. */
export async function requireParked(
  { databases }: Pick<Reads, 'databases'>,
  id: string,
): Promise<Placed<ParkedDetail>> {
  for (const database of databases) {
    const event = await readParked(database.executor, id);
    if (event !== undefined) return { database, event };
  }
  throw goneOf(databases)(id);
}

interface NamedParked {
  readonly found: readonly Placed<ParkedSummary>[];
  /** The refusals of those that are not there any more, or never were. */
  readonly gone: readonly ConvergeError[];
}

/** Reads parked events by their ids. Rejects with PARKED_GONE when none is there. */
export async function requireSomeParked(
  { databases }: Pick<Reads, 'databases'>,
  ids: readonly string[],
): Promise<NamedParked> {
  const rows = await Promise.all(
    databases.map(async (database) =>
      (await listParked(database.executor, { ids }, ids.length)).map((event) => ({ database, event })),
    ),
  );
  const found = rows.flat();
  const gone = ids.filter((id) => !found.some(({ event }) => event.id === id)).map(goneOf(databases));
  if (found.length === 0 && gone[0] !== undefined) throw gone[0];
  return { found, gone };
}

const goneOf =
  (databases: readonly unknown[]) =>
  (id: string): ConvergeError =>
    refused(
      'PARKED_GONE',
      databases.length === 1
        ? `there is no parked event ${id} in this database: it was applied meanwhile, or it is of another consumer's database; \`converge parked list\` shows what is parked`
        : `there is no parked event ${id} in these databases: it was applied meanwhile`,
    );
