import { type Admission, admitRules, type RefusedRule, type Policies } from '@convergekit/resilience/engine';
import { classify, PolicyBook, type PolicyLayer, type PolicyRules } from '@convergekit/resilience';
import { type Clock, type Random, type Service, systemClock, systemRandom } from '@convergekit/core';
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
  readonly book: PolicyBook;
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
  return new Watch(options);
}

class Watch implements PolicyWatch {
  readonly name = 'policy watch';
  readonly #options: Required<
    Pick<PolicyWatchOptions, 'executor' | 'layers' | 'pollMs' | 'clock' | 'random'>
  > &
    PolicyWatchOptions;
  readonly #service: Service;
  #admission: Admission;
  #version = 0;
  #readAt: number;
  #error: Error | undefined;
  #looking: Promise<void> | undefined;

  constructor(options: PolicyWatchOptions) {
    this.#options = { layers: [], pollMs: 2_000, clock: systemClock, random: systemRandom, ...options };
    this.#admission = { book: new PolicyBook(this.#options.layers), rules: {}, refused: [] };
    this.#readAt = this.#options.clock.monotonic();
    const { pollMs, clock, random } = this.#options;
    const look = async (): Promise<void> => {
      await this.look();
    };
    this.#service = loopService({
      name: this.name,
      prepare: () => this.#lookFirst(),
      run: (signal) =>
        poll({
          everyMs: pollMs,
          immediately: false,
          signal,
          clock,
          random,
          run: look,
          onError: () => undefined,
        }),
    });
  }

  get done(): Promise<void> {
    return this.#service.done;
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

  start(): Promise<void> {
    return this.#service.start();
  }

  stop(): Promise<void> {
    return this.#service.stop();
  }

  async #lookFirst(): Promise<void> {
    await this.look();
    if (this.#error !== undefined && classify(this.#error).category === 'configuration')
      throw notMigratedError(this.#error) ?? this.#error;
  }

  async look(): Promise<PolicyWatchStatus> {
    const { clock, pollMs, onLook } = this.#options;
    const patience = new AbortController();
    // A statement without an answer must not stop the polling: staleness has to increase visibly.
    this.#looking ??= this.#read().finally(() => (this.#looking = undefined));
    await Promise.race([this.#looking, clock.sleep(pollMs, patience.signal)]);
    patience.abort();
    const status = this.status();
    onLook?.(status);
    return status;
  }

  async #read(): Promise<void> {
    const { executor, layers, clock, onChange } = this.#options;
    try {
      const version = await readPolicyVersion(executor);
      // The rules are read for any other version, also a lower one: a restored database has an older version.
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

function notMigratedError(cause: unknown): DatabaseError | undefined {
  if (!['42P01', '3F000'].includes(sqlState(cause) ?? '')) return undefined;
  return new DatabaseError(
    'this database has no table of central policies: run `converge migrate` there first, or start without a policy watch',
    { code: 'POLICIES_NOT_MIGRATED', category: 'configuration', certainty: 'not_applied', cause },
  );
}
