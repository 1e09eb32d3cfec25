import { readDatabaseTime, sqlState } from '@convergekit/postgres/engine';
import type { NamedExecutor } from '../scans/scan-outbox.ts';

import type { FoundCondition } from './found.ts';

/** The bounds after which something counts as late, in milliseconds. */
export interface AttentionBounds {
  readonly overdueMs: number;
  readonly stalledMs: number;
  /** Consumers that are gone for good, and whose rows remain. */
  readonly ignoredConsumers: readonly string[];
}

/** The database that is examined, and what counts as late. */
export interface Examination {
  readonly one: NamedExecutor;
  /** The databases whose consumers may lag behind this one. */
  readonly all: readonly NamedExecutor[];
  readonly bounds: AttentionBounds;
}

/** An examination at a time of the database's own clock: that of the process may be another. */
export interface Dated extends Examination {
  readonly now: number;
}

/** The names of checks: the doctor and what home could not read name them. */
export type CheckName =
  | 'server'
  | 'migrations'
  | 'relay alarms'
  | 'locks'
  | 'partitions'
  | 'parked'
  | 'gaps'
  | 'lag'
  | 'processes'
  | 'sagas'
  | 'steps and calls'
  | 'paused sagas'
  | 'reconciler alarms';

/** One look at a service, by which conditions are found. */
export interface Check {
  readonly name: CheckName;
  /** The doctor's line where nothing is found. */
  readonly sound: string;
}

/** A check of one database. */
export interface DatabaseCheck extends Check {
  readonly find: (of: Dated) => Promise<readonly FoundCondition[]>;
}

/** What a check found; undefined: its login may not read the tables, and nothing is known. */
export interface Checked {
  readonly check: Check;
  readonly found: readonly FoundCondition[] | undefined;
}

/** Adds the time of the database to an examination. */
export async function dated(of: Examination): Promise<Dated> {
  return { ...of, now: await readDatabaseTime(of.one.executor) };
}

/** Runs a check. The rights of another duty are no fault. */
export async function run(check: DatabaseCheck, of: Dated): Promise<Checked> {
  try {
    return { check, found: await check.find(of) };
  } catch (error) {
    if (sqlState(error) === '42501') return { check, found: undefined };
    throw error;
  }
}

/** True for what is about a consumer that is not ignored, or about none. Pure. */
export const isKept =
  ({ ignoredConsumers }: AttentionBounds) =>
  ({ consumer = '' }: { readonly consumer?: string | undefined }): boolean =>
    !ignoredConsumers.includes(consumer);
