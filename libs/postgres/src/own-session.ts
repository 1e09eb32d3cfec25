import { systemClock } from '@convergekit/core';
import type { PoolClient, QueryResult } from 'pg';
import { type CopyExecutor, copyExecutorOfClient } from './copy-binary.ts';
import { isForgotten } from './errors.ts';
import { type ExecutorResult, resultOf } from './executor.ts';
import { KeptStatements } from './kept-statements.ts';
import { listenStatement } from './notify/notify-sql.ts';
import { ownBegin, ownOpening, sessionStatement } from './settings.ts';
import { batch, type Statement } from './statement-batch.ts';
import type { TupleBlock } from './tuples.ts';
import type { Database } from './connect.ts';

/** A reserved session: statements, copies and notifications. */
export interface OwnSession extends CopyExecutor {
  /**
   * Listens to a channel until the connection closes; `heard` gets the payload of each notification. Resolves with
   * false behind a pooler: its sessions are shared, so a notification would reach another client.
   */
  listen(channel: string, heard: (payload: string) => void): Promise<boolean>;
}

/**
 * Reserves a connection for the kit's own statements, with all settings that the kit depends on. It keeps statements
 * parsed and planned.
 * Behind a pooler, which shares sessions between clients, each statement becomes a transaction that sets them locally.
 * Several callers may share it: statements and copies run one after another, in the order in which they were asked.
 * Close the connection at the end instead of releasing it.
 */
export async function ownSession(client: PoolClient): Promise<OwnSession> {
  const plain = copyExecutorOfClient(client);
  const turns = new Turns();
  const kept = new KeptStatements(systemClock);
  const keptQuery = async <R>(text: string, values: readonly unknown[] = []): Promise<ExecutorResult<R>> => {
    const named = values.length > 0 ? kept.use(text) : undefined;
    if (named === undefined) return plain.query(text, values);
    const send = (): Promise<readonly QueryResult[]> =>
      batch((query) => void client.query(query), [{ text, values, ...named }]);
    // Nothing was done when the session no longer has the statement.
    const [result] = await send().catch((error: unknown) => {
      if (isForgotten(error)) return send();
      throw error;
    });
    return resultOf(result);
  };
  const announced: unknown = 'processID' in client ? client.processID : undefined;
  if (typeof announced === 'number') {
    const { text, valuesFor } = sessionStatement;
    const { rows } = await plain.query<{ done: string }>(text, valuesFor(announced));
    if (rows[0]?.done !== '0')
      return {
        query: (text, values) => turns.take(() => keptQuery(text, values)),
        copy: (select) => turns.iterate(() => plain.copy(select)),
        listen: async (channel, heard) => {
          client.on('notification', (message) => {
            if (message.channel === channel) heard(message.payload ?? '');
          });
          await turns.take(() => plain.query(listenStatement(channel)));
          return true;
        },
      };
  }
  return {
    query: (text, values = []) =>
      turns.take(async () => resultOf(await inTransaction(client, { text, values }))),
    copy: (select) => turns.iterate(() => copyInTransaction(client, plain, select)),
    listen: () => Promise.resolve(false),
  };
}

/** Lets one user at a time use the connection: pg refuses a statement while another runs, from version 9 on. */
class Turns {
  #last: Promise<unknown> = Promise.resolve();

  take<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(run);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async *iterate<T>(begin: () => AsyncIterable<T>): AsyncGenerator<T, undefined> {
    const begun = Promise.withResolvers<AsyncIterable<T>>();
    const over = Promise.withResolvers<undefined>();
    void this.take(() => {
      begun.resolve(begin());
      return over.promise;
    });
    try {
      yield* await begun.promise;
    } finally {
      over.resolve(undefined);
    }
  }
}

const opening: readonly Statement[] = [
  { text: ownBegin(), values: [] },
  { text: ownOpening(), values: [] },
];

const open = (client: PoolClient, ...then: readonly Statement[]): Promise<readonly QueryResult[]> =>
  batch((query) => void client.query(query), [...opening, ...then]);

async function inTransaction(client: PoolClient, statement: Statement): Promise<QueryResult> {
  try {
    const answers = await open(client, statement);
    await client.query('commit');
    return answers.at(-1) as QueryResult;
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
}

async function* copyInTransaction(
  client: PoolClient,
  plain: CopyExecutor,
  select: string,
): AsyncGenerator<TupleBlock, undefined> {
  try {
    await open(client);
    yield* plain.copy(select);
  } finally {
    await client.query('commit').catch(() => undefined);
  }
}

/**
 * Detects a pooler between us and the server that shares sessions between clients.
 * The process id announced at connecting is then the pooler's own, not that of a backend.
 */
export async function isPooled(database: Pick<Database, 'acquire'>): Promise<boolean> {
  const client = await database.acquire();
  try {
    const announced: unknown = 'processID' in client ? client.processID : undefined;
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    return typeof announced === 'number' && announced !== rows[0]?.pid;
  } finally {
    client.release();
  }
}
