import {
  type Admission,
  admitRules,
  classify,
  type Policies,
  PolicyBook,
  type PolicyLayer,
  type PolicyRules,
  type RefusedRule,
} from '@convergekit/resilience';
import { type Clock, type Service, systemClock } from '@convergekit/core';
import { DatabaseError, sqlState } from './errors.ts';
import type { Executor } from './executor.ts';
import { readPolicyRules, readPolicyVersion } from './policy-table.ts';

export interface PolicyWatchOptions {
  /** Where the central table is. */
  readonly executor: Executor;
  /** What it lies over: the application's own rules, then `policyLayersOf` its configuration. @default none */
  readonly layers?: readonly PolicyLayer[];
  /** How often the table is looked at, milliseconds. @default 2_000 */
  readonly pollMs?: number;
  readonly clock?: Clock;
  /** After every look, good or not: for metrics. @default nobody is told */
  readonly onLook?: (status: PolicyWatchStatus) => void;
  /** Other policies hold from the next call on. @default nobody is told */
  readonly onChange?: (status: PolicyWatchStatus) => void;
}

export interface PolicyWatchStatus {
  /** Of the newest change that was read; 0 = none. */
  readonly version: number;
  /** Milliseconds since the table was read last, or since the start where it never was. */
  readonly staleMs: number;
  /** Rows that cannot be used; the last good ones of their names hold. */
  readonly refused: readonly RefusedRule[];
  /** Why the last look failed; the last good policies hold. */
  readonly error?: Error;
}

export interface PolicyWatch extends Service, Policies {
  readonly book: PolicyBook;
  status(): PolicyWatchStatus;
  /** Looks now. Never rejects: an outage is in the status. */
  look(): Promise<PolicyWatchStatus>;
}

/**
 * Policies that follow the central table without a restart. It is asked by polling: one index tuple each time, through
 * any pooler, with no session that could be lost unnoticed. While the table cannot be read the last good policies hold,
 * and `staleMs` says for how long. A start rejects only where waiting cannot help: no such table, no right to read it.
 */
export function policyWatch(options: PolicyWatchOptions): PolicyWatch {
  return new Watch(options);
}

class Watch implements PolicyWatch {
  readonly name = 'policy watch';
  readonly #options: Required<Pick<PolicyWatchOptions, 'executor' | 'layers' | 'pollMs' | 'clock'>> &
    PolicyWatchOptions;
  readonly #stop = new AbortController();
  readonly #done = Promise.withResolvers<undefined>();
  #admission: Admission;
  #version = 0;
  #readAt: number;
  #error: Error | undefined;
  #looking: Promise<void> | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: PolicyWatchOptions) {
    this.#options = { layers: [], pollMs: 2_000, clock: systemClock, ...options };
    this.#admission = { book: new PolicyBook(this.#options.layers), rules: {}, refused: [] };
    this.#readAt = this.#options.clock.monotonic();
  }

  get done(): Promise<void> {
    return this.#done.promise;
  }

  get book(): PolicyBook {
    return this.#admission.book;
  }

  for(name: string): ReturnType<Policies['for']> {
    return this.book.for(name);
  }

  status(): PolicyWatchStatus {
    const { refused } = this.#admission;
    const staleMs = this.#options.clock.monotonic() - this.#readAt;
    const error = this.#error === undefined ? {} : { error: this.#error };
    return { version: this.#version, staleMs, refused, ...error };
  }

  async start(): Promise<void> {
    await this.look();
    if (this.#error !== undefined && classify(this.#error).category === 'configuration') {
      this.#done.resolve(undefined);
      throw notMigrated(this.#error) ?? this.#error;
    }
    this.#running = this.#loop();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    this.#done.resolve(undefined);
  }

  async look(): Promise<PolicyWatchStatus> {
    const { clock, pollMs, onLook } = this.#options;
    const patience = new AbortController();
    // A statement without an answer must not stop the looking: staleness has to be seen rising.
    this.#looking ??= this.#read().finally(() => (this.#looking = undefined));
    await Promise.race([this.#looking, clock.sleep(pollMs, patience.signal)]);
    patience.abort();
    const status = this.status();
    onLook?.(status);
    return status;
  }

  async #loop(): Promise<void> {
    const { clock, pollMs } = this.#options;
    for (;;) {
      await clock.sleep(pollMs, this.#stop.signal);
      if (this.#stop.signal.aborted) return;
      await this.look();
    }
  }

  async #read(): Promise<void> {
    const { executor, layers, clock, onChange } = this.#options;
    try {
      const version = await readPolicyVersion(executor);
      // Another one, not a higher one: a restored database has gone back.
      const rules = version === this.#version ? undefined : await readPolicyRules(executor);
      this.#readAt = clock.monotonic();
      this.#error = undefined;
      if (rules === undefined) return;
      const lastGood: PolicyRules = this.#admission.rules;
      this.#admission = admitRules(layers, rules, lastGood);
      this.#version = version;
      onChange?.(this.status());
    } catch (error) {
      this.#error = error instanceof Error ? error : new Error(String(error));
    }
  }
}

function notMigrated(cause: unknown): DatabaseError | undefined {
  if (!['42P01', '3F000'].includes(sqlState(cause) ?? '')) return undefined;
  return new DatabaseError(
    'this database has no table of central policies: run `converge migrate` there first, or start without a policy watch',
    { code: 'POLICIES_NOT_MIGRATED', category: 'configuration', certainty: 'not_applied', cause },
  );
}
