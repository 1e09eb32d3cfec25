import type { QueryResult } from 'pg';
import { isForgotten, sqlState } from './errors.ts';
import { ownBegin, ownOpening, sharedOpening } from './settings.ts';
import { batch, type Statement } from './statement-batch.ts';
import { marksOf } from './statement-marks.ts';
import type { SubmitClient } from './submit-client.ts';

const COMMIT: Statement = { text: 'commit', values: [] };

/**
 * Errors of statements that a transaction block refuses. Nothing was done.
 * 25001: it must run outside of one (VACUUM, DETACH CONCURRENTLY, ALTER SYSTEM, CREATE DATABASE); 2D000: it ends one
 * itself; 0A000: a standby refuses `read write`.
 */
const REFUSED_IN_BLOCK = new Set(['25001', '2D000', '0A000']);

/** The transaction whose settings are made: one behind BEGIN, one without, or one that runs an application's statements. */
type Opening = 'begun' | 'alone' | 'shared';

/** Returns the settings statement. In a session of our own it is parsed and planned once, two thirds of its cost. */
export function settingsStatement(client: SubmitClient, opening: Opening): Statement {
  const { statementTimeoutMs } = client;
  const text = opening === 'shared' ? sharedOpening : ownOpening(statementTimeoutMs, opening === 'alone');
  if (client.session() === undefined) return { text, values: [] };
  const names = {
    begun: `converge_own_${statementTimeoutMs}`,
    alone: `converge_alone_${statementTimeoutMs}`,
    shared: 'converge_shared',
  };
  return { name: names[opening], text, values: [] };
}

/** Names a statement of the kit in a session of our own, which then keeps it parsed and planned. */
export function keptStatementOf(client: SubmitClient, { text, values }: Statement): Statement {
  const isKept = values.length > 0 && marksOf(values).kind !== undefined && client.session() !== undefined;
  return { text, values, ...(isKept ? client.kept.use(text) : {}) };
}

/**
 * Runs one statement as a transaction of the kit's own, in one batch. A session whose transactions are as BEGIN would make
 * them needs no BEGIN: the statements before a Sync are one transaction.
 */
export async function runOwn(
  client: SubmitClient,
  statement: Statement,
  isRerun = false,
): Promise<QueryResult> {
  if (statement.values.length === 0 || client.session()?.isPlain !== true)
    return runBegun(client, statement, isRerun);
  try {
    const settings = settingsStatement(client, 'alone');
    const [, result] = await send(client, [settings, keptStatementOf(client, statement)]);
    return result as QueryResult;
  } catch (error) {
    if (isForgotten(error) && !isRerun) return runOwn(client, statement, true);
    // The settings came too late, or the statement is refused beside others. Nothing was done.
    if (REFUSED_IN_BLOCK.has(sqlState(error) ?? '')) return runBegun(client, statement, isRerun);
    throw error;
  }
}

async function runBegun(client: SubmitClient, statement: Statement, isRerun: boolean): Promise<QueryResult> {
  const { text, values } = statement;
  const opening = [{ text: ownBegin(), values: [] }, settingsStatement(client, 'begun')];
  try {
    const results = await send(client, [...opening, keptStatementOf(client, statement), COMMIT]);
    return results[2] as QueryResult;
  } catch (error) {
    await undo(client, error);
    if (isForgotten(error) && !isRerun) return runOwn(client, statement, true);
    const state = sqlState(error) ?? '';
    if (REFUSED_IN_BLOCK.has(state)) return client.query(text, [...values]);
    // SQLSTATE 42601: only the simple protocol accepts several statements in one text.
    if (state === '42601' && values.length === 0) return runTexts(client, opening, text);
    throw error;
  }
}

async function runTexts(
  client: SubmitClient,
  opening: readonly Statement[],
  text: string,
): Promise<QueryResult> {
  try {
    await send(client, opening);
    const result = await client.query(text, []);
    await client.query('commit', []);
    return result;
  } catch (error) {
    await undo(client, error);
    if (REFUSED_IN_BLOCK.has(sqlState(error) ?? '')) return client.query(text, []);
    throw error;
  }
}

/** Ends a transaction that a server error left open. The session may have ended, too, and the caller needs `error`. */
async function undo(client: SubmitClient, error: unknown): Promise<void> {
  if (sqlState(error) !== undefined) await client.query('rollback', []).catch(() => undefined);
}

function send(client: SubmitClient, statements: readonly Statement[]): Promise<readonly QueryResult[]> {
  return batch((query) => client.submit(query), statements);
}
