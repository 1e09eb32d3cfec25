import type { CompiledQuery, PostgresPoolClient, Transaction } from 'kysely';
import type { PoolClient } from 'pg';
import { BeginWithFirst } from './begin-with-first.ts';
import { sessionOf } from './last-statement.ts';

/** What pg has and its types leave out. */
interface Internals {
  /** Statements are sent at once instead of each after the answer to the one before. Answers keep the order. */
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
 * The client as Kysely gets it: pipelined while Kysely has it. Statements that are sent in one turn of the event loop
 * leave in one write, since a write that wakes the server's process costs more than a small statement.
 */
export function kyselyClient(client: PoolClient, statementTimeoutMs = 0): PostgresPoolClient {
  const internals = client as unknown as Internals;
  internals.pipeline = true;
  let wrapped = known.get(client);
  if (wrapped === undefined) known.set(client, (wrapped = wrap(client, internals, statementTimeoutMs)));
  return wrapped;
}

function wrap(client: PoolClient, internals: Internals, statementTimeoutMs: number): PostgresPoolClient {
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
  const begins = new BeginWithFirst({
    statementTimeoutMs,
    query: (text, values) => {
      cork();
      return client.query(text, values);
    },
    submit: (query) => void client.query(query),
    session: sessionOf((text) => client.query(text), processID),
    release: (destroy) => {
      internals.pipeline = false; // COPY, which others run on the same connections, cannot be pipelined
      client.release(destroy);
    },
  });
  return {
    // Kysely's type has a second form, for cursors, which need a pool that is told to use them: ours is not.
    query: begins.query.bind(begins) as unknown as PostgresPoolClient['query'],
    release: (destroy) => begins.release(destroy),
    ...(processID === undefined ? {} : { processID }),
  };
}

/** Sends a statement now, behind all that were sent before on the same connection; settles with its answer. */
export type Send = (query: CompiledQuery) => Promise<unknown>;

/**
 * For statements of a transaction whose answers nobody awaits one by one. They run in the order in which they were
 * sent, before every statement that the transaction is given later. All must be answered before it ends.
 */
export async function senderOf<DB>(tx: Transaction<DB>): Promise<Send> {
  const connection = await tx.getExecutor().provideConnection((one) => Promise.resolve(one));
  return (query) => connection.executeQuery(query);
}
