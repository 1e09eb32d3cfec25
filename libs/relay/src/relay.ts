import { DatabaseError, withTransaction } from '@convergekit/postgres';
import { otherHolder } from '@convergekit/postgres/engine';
import { ConvergeError, type Service, endsWithin } from '@convergekit/core';
import { messageOf, type NextRun, poll } from '@convergekit/core/engine';
import type { Check } from '@convergekit/config';
import { instruments } from '@convergekit/telemetry/engine';
import { Attempts } from './leader/attempts.ts';
import { checkTables } from './leader/check-tables.ts';
import { Ending, type EndReason, STOP_MS } from './leader/ending.ts';
import { lead } from './leader/lead.ts';
import type { Leadership, Totals } from './leader/leadership.ts';
import { takeOver, type TakeoverOutcome } from './leader/takeover-sql.ts';
import { type RelayOptions, type RelaySettings, resolveOptions } from './options.ts';
import { leadingState, type RelayState, type RelayStatus } from './watch/status.ts';
import { FailureLog } from './watch/failure-log.ts';
import { RelayWatch } from './watch/relay-watch.ts';

export interface Relay extends Service {
  /** Returns whether it leads, and the state of its topics. */
  status(): RelayStatus;
  /**
   * Returns whether the relay makes progress; waiting for a broker, database or lease counts. The check is for /livez.
   */
  live(): Check;
}

/** Checks in a row that find another holder, until that one counts as leading. */
const HELD_LOOKS = 4;
/** No pause between two looks at the lease is longer, milliseconds. */
const LONGEST_PAUSE_MS = 10_000;

/**
 * Publishes the events of one outbox. Any number may run: one of them leads, the others stand by.
 * @example
 * ```ts
 * import { relay, runServices } from 'convergekit/process';
 * import { broker, database } from './shop.ts';
 *
 * await runServices([relay({ database, broker })]); // several may run: one leads
 * ```
 */
export function relay(options: RelayOptions): Relay {
  return new RelayService(resolveOptions(options));
}

type Phase =
  | { readonly kind: 'new' | 'stopping' | 'stopped' }
  | {
      readonly kind: 'standby';
      readonly why: Omit<Extract<RelayState, { state: 'standby' }>, 'state' | 'published'>;
      /** True when the relay held the lease and was not admitted: another relay's attempt does not end that trouble. */
      readonly refused?: boolean;
    }
  | { readonly kind: 'leading'; readonly leader: Leadership };

class RelayService implements Relay {
  readonly name = 'relay';
  readonly done: Promise<void>;
  readonly #settings: RelaySettings;
  readonly #finish: () => void;
  readonly #watch: RelayWatch;
  readonly #totals: Totals;
  readonly #attempts = new Attempts();
  readonly #failureLog: FailureLog;
  #phase: Phase = { kind: 'new' };
  #ending: Ending | undefined;
  #running: Promise<void> | undefined;
  readonly #stop = new AbortController();
  #heldLooks = 0;

  constructor(settings: RelaySettings) {
    this.#watch = new RelayWatch(settings, () => ({
      state: this.#phase.kind,
      leader: this.#phase.kind === 'leading' ? this.#phase.leader : undefined,
      failedTerms: this.#attempts.failedTerms(settings.clock.monotonic()),
    }));
    this.#settings = this.#watch.settings;
    this.#totals = { published: 0, counter: this.#watch.counter };
    this.#failureLog = new FailureLog(settings.log);
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.done = promise;
    this.#finish = () => resolve(undefined);
  }

  /** Rejects when the database cannot be reached or was not migrated. The broker may come later. */
  async start(): Promise<void> {
    if (this.#running !== undefined || this.#isStopping()) throw new Error('a relay is started once');
    await checkTables(this.#settings.database.executor).catch((error: unknown) => {
      this.#phase = { kind: 'stopped' };
      throw error;
    });
    if (this.#isStopping()) return;
    this.#watch.start();
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    if (this.#running !== undefined && this.#phase.kind !== 'stopped') this.#phase = { kind: 'stopping' };
    this.#ending?.end({ kind: 'stopped' });
    await this.#ended();
    await this.#watch.stop();
    this.#phase = { kind: 'stopped' };
    this.#finish();
  }

  status(): RelayStatus {
    const { alarms, troubleFrom } = this.#watch;
    return { ...this.#state(), alarms, ...(troubleFrom === undefined ? {} : { troubleFrom }) };
  }

  live(): Check {
    return this.#watch.live();
  }

  #state(): RelayState {
    const { published } = this.#totals;
    switch (this.#phase.kind) {
      case 'leading':
        return leadingState(this.#phase.leader);
      case 'standby':
        return { state: 'standby', published, ...this.#phase.why };
      case 'new':
      case 'stopping':
      case 'stopped':
        return { state: this.#phase.kind, published };
    }
  }

  /** Awaits the end of the run. A hanging check of the lease is abandoned: it writes nothing that outlives its time. */
  async #ended(): Promise<void> {
    if (this.#running === undefined) return;
    const { clock, log } = this.#settings;
    const patience = STOP_MS.loops + STOP_MS.save + STOP_MS.release + 200;
    if (!(await endsWithin(this.#running, patience, clock)))
      log.warn({}, 'the relay stopped without an answer to its last statement');
  }

  #isStopping(): boolean {
    return this.#stop.signal.aborted;
  }

  async #run(): Promise<void> {
    const { standbyMs, clock, random } = this.#settings;
    const onError = (error: unknown): void => this.#trouble(error);
    const run = async (): Promise<NextRun> => {
      await this.#standBy().catch(onError);
      return { afterMs: this.#attempts.pauseMs(standbyMs, random) };
    };
    const everyMs = Math.max(LONGEST_PAUSE_MS, 2 * standbyMs);
    await poll({ everyMs, signal: this.#stop.signal, onError, clock, random, run });
  }

  /** Takes the lease when it is free, and leads until an end. */
  async #standBy(): Promise<void> {
    const { log, clock } = this.#settings;
    const askedAt = clock.monotonic();
    const outcome = await this.#tryTakeOver();
    if (outcome.kind === 'standby') {
      this.#heldLooks += 1;
      // Several refused relays hold the lease in turn, for a moment each: that is still one outage. An outage of the
      // database is over with the first answer.
      if (this.#phase.kind === 'standby' && this.#phase.refused === true && this.#heldLooks < HELD_LOOKS)
        return;
      this.#attempts.stoodBy();
      this.#watch.troubled(undefined);
      const { heldBy } = outcome;
      const isKnown = this.#phase.kind === 'standby' && this.#phase.why.heldBy === heldBy;
      if (!isKnown) log.info({ leader: heldBy }, 'standing by: another relay leads');
      if (!this.#isStopping()) this.#phase = { kind: 'standby', why: { heldBy } };
      return;
    }
    this.#heldLooks = 0;
    const { takeover } = outcome;
    const ending = (this.#ending = new Ending());
    this.#watch.taken(ending);
    this.#attempts.began();
    if (this.#isStopping()) ending.end({ kind: 'stopped' });
    const reason = await lead({
      settings: this.#settings,
      takeover,
      askedAt,
      ending,
      totals: this.#totals,
      activity: this.#watch.activity,
      // The relay leads only from here on: the lease alone does not suffice, the log must belong to this database.
      onLeading: (leader) => {
        log.info({ term: takeover.term.toString(), doneTick: takeover.doneTick.toString() }, 'leading');
        instruments().relayTakeovers.add(1, leader.label);
        if (!this.#isStopping()) this.#phase = { kind: 'leading', leader };
        this.#attempts.admitted();
      },
      onTicked: () => {
        this.#attempts.ticked(clock.monotonic());
        this.#watch.troubled(undefined);
      },
    });
    this.#afterLeading(reason);
  }

  #afterLeading(reason: EndReason): void {
    if (!this.#isStopping() && reason.kind !== 'failed') this.#phase = { kind: 'standby', why: {} };
    switch (reason.kind) {
      case 'stopped':
        this.#settings.log.info({}, 'stopped leading: positions are saved, the lease is released');
        break;
      case 'deposed':
        this.#settings.log.warn({}, `no longer leading: ${reason.detail}`);
        break;
      case 'failed':
        this.#trouble(reason.error);
    }
  }

  async #tryTakeOver(): Promise<
    Exclude<TakeoverOutcome, { kind: 'standby' }> | { readonly kind: 'standby'; readonly heldBy: string }
  > {
    const { database, lease, holder, leaseMs: ttlMs, clock, random } = this.#settings;
    const request = { name: lease, holder, ttlMs };
    const other = await otherHolder(database.executor, request);
    if (other !== undefined) return { kind: 'standby', heldBy: other };
    return withTransaction(database, { clock, random }, (tx) => takeOver(tx, request));
  }

  #trouble(error: unknown): void {
    this.#attempts.failed(error, this.#settings.clock.monotonic());
    this.#watch.troubled(error);
    const trouble = messageOf(error);
    const code = error instanceof ConvergeError ? error.code : undefined;
    if (!this.#isStopping())
      this.#phase = {
        kind: 'standby',
        why: { trouble, ...(code === undefined ? {} : { code }) },
        refused: code !== undefined && !(error instanceof DatabaseError),
      };
    this.#failureLog.failed(error, this.#attempts.failures);
  }
}
