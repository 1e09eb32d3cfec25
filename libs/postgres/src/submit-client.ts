import { systemClock } from '@convergekit/core';
import type { ClientBase, PoolClient, Query, QueryResult } from 'pg';
import type { TransactionGuard } from './guard/transaction-guard.ts';
import { KeptStatements } from './kept-statements.ts';
import { type KnownSession, type Session, sessionOf } from './session.ts';
import type { CommitNotifier } from './notify/commit-notifier.ts';
import { notifierOf } from './notify/commit-watch.ts';

/** The part of a connection that BeginWithFirst uses. */
export interface SubmitClient {
  query(text: string, values: unknown[]): Promise<QueryResult>;
  submit(query: Query): void;
  release(broken?: boolean): void;
  /** Returns the server session, once known. */
  session(): Session | undefined;
  readonly kept: KeptStatements;
  /** The statement timeout of the pool, in milliseconds; 0 = none. */
  readonly statementTimeoutMs: number;
  /** The notifier of the connection's pool; undefined for a pool that `connect` did not make. */
  readonly notifier: CommitNotifier | undefined;
  /** The guard of a connection on which an application's code may run. */
  readonly guard?: TransactionGuard;
}

/** What a connection keeps from one user to the next. */
type Known = KnownSession & Pick<SubmitClient, 'kept' | 'statementTimeoutMs'>;
const knownOnes = new WeakMap<PoolClient, Known>();

const timeouts = new WeakMap<ClientBase, number>();

/** Notes the statement timeout of a new connection's pool: each of its transactions sets it. */
export function setStatementTimeout(client: ClientBase, statementTimeoutMs: number): void {
  timeouts.set(client, statementTimeoutMs);
}

export function knownOf(client: PoolClient): Known {
  let known = knownOnes.get(client);
  if (known === undefined) {
    const announced = (client as { readonly processID?: number }).processID;
    const session = sessionOf((text) => client.query(text), announced);
    const statementTimeoutMs = timeouts.get(client) ?? 0;
    known = { ...session, kept: new KeptStatements(systemClock), statementTimeoutMs };
    knownOnes.set(client, known);
  }
  return known;
}

export function submitClient(client: PoolClient): SubmitClient {
  return {
    ...knownOf(client),
    notifier: notifierOf(client),
    query: (text, values) => client.query(text, values),
    submit: (query) => void client.query(query),
    release: (broken) => client.release(broken),
  };
}
