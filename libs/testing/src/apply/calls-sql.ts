import { inputSql } from '@convergekit/saga/testing';
import type { Executor } from '@convergekit/postgres';

/** A call to another system that a handler requested. The saga worker makes it, after the commit. */
export interface RequestedCall {
  readonly call: string;
  readonly input: unknown;
  readonly idempotencyKey: string;
  /** The saga's step, for the call of a step. */
  readonly step: string | null;
}

export interface CallRow extends RequestedCall {
  readonly id: string;
}

// Timers are work, too, but call nothing. A database without effects has no such table.
const isCall = `(op is null or op in ('apply', 'compensate', 'resolve'))`;

/** The calls that were requested, in order. */
export async function readCalls(executor: Executor): Promise<readonly CallRow[]> {
  const sql = `select id, call, (${inputSql('work')})::json as input, idempotency_key as "idempotencyKey", step
                 from converge.saga_work work where ${isCall} order by created_at, id`;
  return (await executor.query<CallRow>(sql)).rows;
}

export interface OpenCall {
  readonly call: string;
  readonly key: string;
  readonly state: string;
  /** Calls and queries that were made. */
  readonly tries: number;
}

/** The calls that have not ended. */
export async function readOpenCalls(executor: Executor): Promise<readonly OpenCall[]> {
  const sql = `select call, key, state, attempts + queries as tries from converge.saga_work
                where ${isCall} and state in ('ready', 'calling', 'unknown', 'answered', 'stuck') order by created_at, id`;
  return (await executor.query<OpenCall>(sql)).rows;
}

/** Makes the calls that wait for a later attempt due now, and "not found" final. Returns their number. */
export async function hurryCalls(executor: Executor, mostTries: number): Promise<number> {
  const sql = `update converge.saga_work
                  set due_at = clock_timestamp(), final_at = case state when 'ready' then final_at end
                where ${isCall} and state in ('ready', 'unknown', 'answered') and holder is null
                  and due_at > clock_timestamp() and attempts + queries < $1`;
  return (await executor.query(sql, [mostTries])).rowCount;
}
