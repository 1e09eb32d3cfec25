import type { Database, Executor } from '@convergekit/postgres';
import { explain, openPools, type Settings } from '@convergekit/operate/host';
import { logger } from '@convergekit/telemetry';
import { z } from 'zod';
import { notFound } from './errors.ts';

/** A database of the console, by its name in the settings. */
export interface ConsoleDatabase {
  readonly name: string;
  readonly executor: Executor;
  readonly database: Database;
}

/** The databases that a page could not read, and why. */
export const unreadSchema = z.array(z.object({ database: z.string(), reason: z.string() }));
export type Unread = z.output<typeof unreadSchema>[number];

export interface Gathered<T> {
  readonly rows: (T & { readonly database: string })[];
  readonly unread: Unread[];
}

/** The databases that one of several reads could not read, each once. Pure. */
export function unreadOf(...parts: readonly Pick<Gathered<object>, 'unread'>[]): Unread[] {
  const all = parts.flatMap(({ unread }) => unread);
  return [...new Map(all.map((one) => [one.database, one])).values()];
}

export interface Databases {
  readonly all: readonly ConsoleDatabase[];
  readonly names: readonly string[];
  /** Throws CONSOLE_NOT_FOUND for a name that the settings lack. */
  get(name: string): ConsoleDatabase;
  /**
   * Reads rows from every database, or from the one named, side by side, and adds its name to each row.
   * A database that cannot be read is named in `unread`; the others are shown.
   */
  gather<T extends object>(
    read: (executor: Executor, name: string) => Promise<readonly T[]>,
    only?: string,
  ): Promise<Gathered<T>>;
  close(): Promise<void>;
}

/** How the console is given more databases. */
export const GIVE_MORE = 'give them as CONVERGE__DATABASES__<NAME>';

/** The most connections of the console to each database. */
const CONNECTIONS = 4;

/** The time after which a statement of a page is ended. */
const STATEMENT_MS = 10_000;

/** Opens the databases of the settings. */
export function openDatabases(settings: Settings): Databases {
  const options = {
    applicationName: 'converge-console',
    connections: CONNECTIONS,
    statementMs: STATEMENT_MS,
  };
  const pools = Object.entries(openPools(settings, options));
  const all = pools.map(([name, database]) => ({ name, executor: database.executor, database }));
  const get = (name: string): ConsoleDatabase => {
    const found = all.find((one) => one.name === name);
    if (found !== undefined) return found;
    throw notFound(
      `the console has no database ${name}: it has ${all.map((one) => one.name).join(', ') || 'none'}`,
    );
  };
  return {
    all,
    names: all.map(({ name }) => name),
    get,
    gather: async (read, only) => {
      const asked = only === undefined ? all : [get(only)];
      const parts = await Promise.all(asked.map((one) => readOne(one, read)));
      return {
        rows: parts.flatMap(({ rows }) => rows),
        unread: parts.flatMap(({ unread }) => unread),
      };
    },
    close: async () => {
      await Promise.all(all.map(({ database }) => database.close()));
    },
  };
}

async function readOne<T extends object>(
  { name, executor }: ConsoleDatabase,
  read: (executor: Executor, name: string) => Promise<readonly T[]>,
): Promise<Gathered<T>> {
  try {
    return { rows: (await read(executor, name)).map((row) => ({ ...row, database: name })), unread: [] };
  } catch (error) {
    const reason = explain(error).message;
    logger('console').warn({ database: name, reason }, 'a database could not be read');
    return { rows: [], unread: [{ database: name, reason }] };
  }
}
