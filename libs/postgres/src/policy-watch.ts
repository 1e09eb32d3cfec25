import { type Admission, admitRules, type RefusedRule, type Policies } from '@convergekit/resilience/engine';
import { classify, type PolicyBook, type PolicyLayer } from '@convergekit/resilience';
import {
  type Clock,
  endsWithin,
  type Random,
  type Service,
  systemClock,
  systemRandom,
} from '@convergekit/core';
import { loopService, poll } from '@convergekit/core/engine';
import { DatabaseError, sqlState } from './errors.ts';
import type { Executor } from './executor.ts';
import { readPolicyRules, readPolicyVersion } from './policy-table.ts';

export interface PolicyWatchOptions {
  /** An executor on the database of the central table. */
  readonly executor: Executor;
  /** The layers below the central table: the application's own rules, then `policyLayersOf` its configuration. @default none */
  readonly layers?: readonly PolicyLayer[];
  /** Polling interval in milliseconds. @default 2_000 */
  readonly pollMs?: number;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Called after every poll, successful or not: for metrics. @default none */
  readonly onLook?: (status: PolicyWatchStatus) => void;
  /** Called when other policies apply from the next call on. @default none */
  readonly onChange?: (status: PolicyWatchStatus) => void;
}

export interface PolicyWatchStatus {
  /** The version of the newest change that was read; 0 = none. */
  readonly version: number;
  /** Milliseconds since the last successful read, or since the start if there was none. */
  readonly staleMs: number;
  /** Invalid rows; the last valid rules of their names apply. */
  readonly refused: readonly RefusedRule[];
  /** The error of the last poll, if it failed; the last valid policies apply. */
  readonly error?: Error;
}

export interface PolicyWatch extends Service, Policies {
  /** The policies in force; each answer has the latest. */
  readonly book: PolicyBook;
  /** Returns when the table was last read, and what was refused. */
  status(): PolicyWatchStatus;
  /** Polls now. Never rejects: an outage is in the status. */
  look(): Promise<PolicyWatchStatus>;
}

/**
 * Creates policies that follow the central table without a restart. It polls one index tuple, through any pooler,
 * without a session that could be lost unnoticed. The last valid policies apply while the table is unreadable, and
 * `staleMs` says for how long. The start rejects only if waiting cannot help: the table or the right to read it is
 * missing.
 */
export function policyWatch(options: PolicyWatchOptions): PolicyWatch {
  const { executor, layers = [], pollMs = 2_000, onLook, onChange } = options;
  const { clock = systemClock, random = systemRandom } = options;
  const pace = { everyMs: pollMs, immediately: false, clock, random, onError: () => undefined };
  let admission: Admission = admitRules(layers, []);
  let version = 0;
  let readAt = clock.monotonic();
  let failure: Error | undefined;
  let looking: Promise<void> | undefined;
  const status = (): PolicyWatchStatus => ({
    version,
    staleMs: clock.monotonic() - readAt,
    refused: admission.refused,
    ...(failure !== undefined && { error: failure }),
  });
  const read = async (): Promise<void> => {
    try {
      const newest = await readPolicyVersion(executor);
      // The rules are read for any other version, also a lower one: a restored database has an older version.
      const rules = newest === version ? undefined : await readPolicyRules(executor);
      readAt = clock.monotonic();
      failure = undefined;
      if (rules === undefined) return;
      admission = admitRules(layers, rules, admission.rules);
      version = newest;
      onChange?.(status());
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
    }
  };
  const look = async (): Promise<PolicyWatchStatus> => {
    looking ??= read().finally(() => (looking = undefined));
    // A statement without an answer must not stop the polling: staleness has to increase visibly.
    await endsWithin(looking, pollMs, clock);
    const now = status();
    onLook?.(now);
    return now;
  };
  return {
    ...loopService({
      name: 'policy watch',
      prepare: async () => {
        const { error } = await look();
        if (error !== undefined && classify(error).category === 'configuration')
          throw notMigratedError(error) ?? error;
      },
      run: (signal) =>
        poll({
          ...pace,
          signal,
          run: (): Promise<void> => look().then(() => undefined),
        }),
    }),
    get book() {
      return admission.book;
    },
    for: (name) => admission.book.for(name),
    status,
    look,
  };
}

function notMigratedError(cause: unknown): DatabaseError | undefined {
  if (!['42P01', '3F000'].includes(sqlState(cause) ?? '')) return undefined;
  return new DatabaseError(
    'this database has no table of central policies: run `converge migrate` there first, or start without a policy watch',
    { code: 'POLICIES_NOT_MIGRATED', category: 'configuration', cause },
  );
}
