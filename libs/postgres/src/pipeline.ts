import type { CompiledQuery, PostgresPoolClient, Transaction } from 'kysely';
import type { PoolClient, QueryResult } from 'pg';
import { connectionOf } from './after-commit.ts';
import { isAnswered } from './ask-client.ts';
import { BeginWithFirst, nothing } from './begin-with-first.ts';
import { guardOfClient } from './guard/transaction-guard.ts';
import { notifierOf } from './notify/commit-watch.ts';
import { knownOf } from './submit-client.ts';

/** Properties of pg that its types omit. */
interface Internals {
  /** Sends statements at once instead of after the previous answer. Answers keep the order. */
  pipeline: boolean;
  readonly processID?: number;
  readonly connection?: { readonly stream?: Stream };
}

interface Stream {
  cork?(): void;
  uncork?(): void;
}

const known = new WeakMap<PoolClient, PostgresPoolClient>();

/**
 * Wraps a client for Kysely, pipelined while Kysely has it.
 * Statements of one turn of the event loop are sent in one write: a write that wakes the server process costs more than a
 * small statement.
 */
export function kyselyClient(client: PoolClient): PostgresPoolClient {
  const internals = client as unknown as Internals;
  internals.pipeline = true;
  let wrapped = known.get(client);
  if (wrapped === undefined) known.set(client, (wrapped = wrap(client, internals)));
  return wrapped;
}

function wrap(client: PoolClient, internals: Internals): PostgresPoolClient {
  const { processID } = internals;
  let corked: Stream | undefined;
  const uncork = (): void => {
    corked?.uncork?.();
    corked = undefined;
  };
  const cork = (): void => {
    if (corked === undefined && internals.connection?.stream !== undefined) {
      corked = internals.connection.stream;
      corked.cork?.();
      process.nextTick(uncork);
    }
  };
  const guard = guardOfClient(client);
  const begins = new BeginWithFirst({
    guard,
    notifier: notifierOf(client),
    query: (text, values) => {
      cork();
      return client.query(text, values);
    },
    submit: (query) => {
      cork();
      void client.query(query);
    },
    ...knownOf(client),
    release: (destroy) => {
      internals.pipeline = false; // COPY, which others run on the same connections, cannot be pipelined
      client.release(destroy);
    },
  });
  const query = (text: string, values: readonly unknown[] = []): Promise<QueryResult> =>
    isAnswered(values, client) ? Promise.resolve(nothing('SELECT')) : begins.query(text, values);
  return {
    // Kysely's type has a second overload, for cursors, which our pool does not use.
    query: query as unknown as PostgresPoolClient['query'],
    release: (destroy) => begins.release(destroy),
    ...(processID === undefined ? {} : { processID }),
  };
}

/** Sends a statement at once, after all previous ones of the connection; settles with its answer. */
export type Send = (query: CompiledQuery) => Promise<unknown>;

/**
 * Sends statements of a transaction without awaiting each answer.
 * They run in the order of sending, before every later statement of the transaction. All must be answered before it ends.
 */
export async function senderOf<DB>(tx: Transaction<DB>): Promise<Send> {
  const connection = await connectionOf(tx);
  return (query) => connection.executeQuery(query);
}
