import type { Executor } from '@convergekit/postgres';
import { sqlState } from '@convergekit/postgres/engine';
import { ABSENT } from './frontier-sql.ts';
import type { Pending } from './pending.ts';

/** How far a consumer has come, in the database that applies the events. */
export interface Arrival {
  /** False: the consumer has no place in the topic. */
  readonly registered: boolean;
  readonly partitions: readonly PartitionArrival[];
  /** True if the database has tables of sagas and external calls. */
  readonly sagas: boolean;
}

export interface PartitionArrival {
  readonly partition: number;
  /** The reason of its halt. */
  readonly halted: string | null;
  /** True while events of `converge consumers fill` wait. */
  readonly filling: boolean;
  /** The highest handled position of the source. */
  readonly seen: string | null;
}

export interface ArrivalRequest {
  readonly consumer: string;
  readonly topic: string;
  /** Null while the source is unknown: no position counts. */
  readonly source: string | null;
  readonly partitions: readonly number[];
}

const arrivalSql = `
  select converge.inbox_arrival($1, $2, $3::uuid, $4::int[]) as inbox,
         to_regprocedure('converge.saga_open(text[])') is not null as sagas`;

/** Reads how far a consumer has come. undefined: its database has no inbox. */
export async function readArrival(executor: Executor, request: ArrivalRequest): Promise<Arrival | undefined> {
  const { consumer, topic, source, partitions } = request;
  try {
    const { rows } = await executor.query<{ inbox: Omit<Arrival, 'sagas'>; sagas: boolean }>(arrivalSql, [
      consumer,
      topic,
      source,
      partitions,
    ]);
    const [row] = rows;
    return row && { ...row.inbox, sagas: row.sagas };
  } catch (error) {
    if (ABSENT.includes(sqlState(error) ?? '')) return undefined;
    throw error;
  }
}

/** The events and steps of a key that may still change actual although their events were passed. */
export interface OpenWorkRequest {
  readonly consumer: string;
  readonly topic: string;
  readonly keys: readonly string[];
  readonly sagas: boolean;
}

const parkedSql = `select converge.inbox_parked($1, $2, $3::text[]) as parked`;
const openSql = `select converge.saga_open($1::text[]) as step`;

/** Looks for parked events and open steps of a key. Any executor of actual's database, a transaction's too. */
export async function readOpenWork(
  executor: Executor,
  { consumer, topic, keys, sagas }: OpenWorkRequest,
): Promise<Extract<Pending, { kind: 'parked' | 'saga_open' }> | undefined> {
  const parked = await executor.query<{ parked: boolean }>(parkedSql, [consumer, topic, keys]);
  if (parked.rows[0]?.parked !== false) return { kind: 'parked' };
  if (!sagas) return undefined;
  const step = (await executor.query<{ step: string | null }>(openSql, [keys])).rows[0]?.step ?? null;
  return step === null ? undefined : { kind: 'saga_open', step };
}
