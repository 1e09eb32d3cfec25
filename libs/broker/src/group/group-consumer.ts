import { type Clock, systemClock } from '@convergekit/core';
import {
  type Assignment,
  type ConsumerOptions,
  type GroupConsumer,
  type Outside,
  type PartitionControl,
  partitionId,
  type RevokeReason,
} from '../broker.ts';
import { topicRecreated } from '../errors.ts';
import { delayMs, isRepeatable, isRepeatableForMember } from './backoff.ts';
import type { GroupLink, Log, Membership } from './link.ts';
import { GroupSession } from './session.ts';

export interface LoopOptions extends ConsumerOptions {
  readonly link: GroupLink;
  readonly log?: Log | undefined;
  readonly clock?: Clock;
}

const DEFAULTS = {
  sessionTimeoutMs: 10_000,
  heartbeatIntervalMs: 1_000,
  maxWaitMs: 500,
  maxBytesPerPartition: 1_048_576,
  fetchStallMs: 5_000,
  clock: systemClock,
};

/** How long a rebalance waits for handlers whose signals are aborted, milliseconds. */
const DRAIN_MS = 5_000;

/** A group member over any driver: joins, works, heartbeats, rebalances, leaves. */
export class LoopConsumer implements GroupConsumer {
  readonly done: Promise<void>;
  readonly #options: typeof DEFAULTS & LoopOptions;
  readonly #log: Log;
  readonly #stopping = new AbortController();
  readonly #outcome = Promise.withResolvers<undefined>();
  readonly #draining = new Map<string, Promise<void>>();
  #death: { readonly error: unknown } | undefined;
  #session: GroupSession | undefined;
  #life: Promise<void> | undefined;
  /** Since when the member is in no group, and why it could not join. */
  #outside: { readonly since: number; readonly error?: unknown } | undefined;

  constructor(options: LoopOptions) {
    this.#options = { ...DEFAULTS, ...options };
    this.#log = options.log ?? (() => undefined);
    this.done = this.#outcome.promise;
    // The caller watches `done`; a failure before the caller does must not end the process.
    this.done.catch(() => undefined);
  }

  async start(): Promise<void> {
    if (this.#life !== undefined || this.#stopping.signal.aborted)
      throw new Error('this consumer was started or stopped before: open a new one with broker.consumer()');
    const joined = Promise.withResolvers<undefined>();
    this.#life = this.#run(() => joined.resolve(undefined)).then(
      () => joined.resolve(undefined),
      (error: unknown) => joined.reject(error),
    );
    await joined.promise;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    if (this.#life === undefined) this.#outcome.resolve(undefined);
    await this.#life?.catch(() => undefined);
  }

  outside(): Outside | undefined {
    if (this.#outside === undefined) return undefined;
    const { since, error } = this.#outside;
    return { forMs: this.#options.clock.monotonic() - since, error };
  }

  control(topic: string, partition: number): PartitionControl | undefined {
    return this.#session?.control(topic, partition);
  }

  async #run(onJoined: () => void): Promise<void> {
    try {
      await this.#memberships(onJoined);
    } catch (error) {
      this.#death ??= { error };
    }
    // A stop waits for every batch in progress, also of earlier memberships.
    await Promise.all(this.#draining.values());
    const { link } = this.#options;
    await link.leave().catch(() => undefined);
    await link.close().catch(() => undefined);
    await this.#session?.finished();
    if (this.#death === undefined) {
      this.#outcome.resolve(undefined);
      return;
    }
    this.#outcome.reject(this.#death.error);
    throw this.#death.error;
  }

  async #memberships(onJoined: () => void): Promise<void> {
    const stopped = new Promise<undefined>((resolve) =>
      this.#stopping.signal.addEventListener('abort', () => resolve(undefined), { once: true }),
    );
    const { link } = this.#options;
    let connected: Promise<void> | undefined;
    for (let attempt = 0; !this.#stopping.signal.aborted;) {
      const joining = (connected ??= link.connect()).then(() => link.join());
      let membership: Membership | undefined;
      try {
        // A join waits for the other members; a stop does not wait for it.
        membership = await Promise.race([joining, stopped]);
        this.#refuseRecreated();
      } catch (error) {
        await connected.catch(() => (connected = undefined));
        const { since } = this.#outside ?? {};
        if (!(since === undefined ? isRepeatable(error) : isRepeatableForMember(error))) throw error;
        if (since !== undefined) this.#outside = { since, error };
        if (attempt === 3) this.#log('warn', 'joining the group fails; it is retried', { error });
        await this.#options.clock.sleep(delayMs(attempt++), this.#stopping.signal);
        continue;
      }
      attempt = 0;
      if (membership?.isShared === true) this.#reportShared();
      if (membership === undefined) void joining.catch(() => undefined);
      else await this.#work(membership, onJoined);
    }
  }

  /** Runs one membership, from join to rebalance or stop. */
  async #work(membership: Membership, onJoined: () => void): Promise<void> {
    const session = this.#sessionOf(membership);
    this.#session = session;
    session.start();
    this.#outside = undefined;
    onJoined();
    let why: RevokeReason = 'lost';
    try {
      why = await this.#heartbeats(membership);
    } catch (error) {
      this.#death ??= { error };
      this.#stopping.abort();
    }
    const { running, revoked } = session.end(why);
    this.#outside = { since: this.#options.clock.monotonic() };
    for (const [id, batch] of running) this.#drain(id, batch);
    const batches = Promise.all([...running.values(), revoked]);
    // A stop waits for its batches without a bound. A rebalance waits a bounded time: the group would continue without
    // this member.
    if (this.#stopping.signal.aborted) await this.#heartbeatsUntil(membership, batches);
    else await Promise.race([batches, this.#options.clock.sleep(this.#drainMs(), this.#stopping.signal)]);
  }

  /** Reports partitions that are not handled here: only their lag would show it. */
  #reportShared(): void {
    const { groupId } = this.#options;
    this.#log(
      'error',
      `another client is a member of group ${groupId}, with the group protocol "consumer": events of the partitions that the broker gives to it wait until it has left. Find it with \`kafka-consumer-groups.sh --bootstrap-server … --describe --members --group ${groupId}\`, stop it, and give it another group`,
      { group: groupId },
    );
  }

  /** Ends the consumer when a topic was created again and there is no `placeLost` handler. */
  #refuseRecreated(): void {
    const [topic] = this.#options.link.recreated();
    if (topic !== undefined && this.#options.handlers.placeLost === undefined) throw topicRecreated(topic);
  }

  #sessionOf(membership: Membership): GroupSession {
    return new GroupSession({
      ...this.#options,
      membership,
      log: this.#log,
      draining: ({ topic, partition }: Assignment) => this.#draining.get(partitionId(topic, partition)),
      onFatal: (error) => {
        this.#death ??= { error };
        this.#stopping.abort();
      },
    });
  }

  /**
   * The drain time, shorter than the session: no heartbeat is sent between the end of a membership and the next join.
   */
  #drainMs(): number {
    return Math.min(DRAIN_MS, this.#options.sessionTimeoutMs / 2);
  }

  #drain(id: string, batch: Promise<void>): void {
    const before = this.#draining.get(id);
    const both = Promise.all([before, batch]).then(() => undefined);
    this.#draining.set(id, both);
    void both.then(() => this.#draining.get(id) === both && this.#draining.delete(id));
  }

  /**
   * Sends heartbeats until a rebalance or a stop. A broker that is unreachable for a session timeout ends the
   * membership.
   */
  async #heartbeats(membership: Membership): Promise<RevokeReason> {
    const { clock, sessionTimeoutMs, heartbeatIntervalMs } = this.#options;
    let heard = clock.monotonic();
    let failures = 0;
    let wait = heartbeatIntervalMs;
    for (;;) {
      await clock.sleep(wait, this.#stopping.signal);
      if (this.#stopping.signal.aborted) return 'stop';
      const sent = clock.monotonic();
      try {
        const answer = await this.#options.link.heartbeat(membership);
        if (answer !== 'member') return answer;
        this.#session?.loseTopics(this.#options.link.recreated());
        heard = sent;
        failures = 0;
        wait = heartbeatIntervalMs;
      } catch (error) {
        if (!isRepeatableForMember(error)) throw error;
        if (clock.monotonic() - heard >= sessionTimeoutMs) {
          this.#log('warn', 'no heartbeat reached the group for a session timeout; the member joins again', {
            error,
          });
          return 'lost';
        }
        wait = Math.min(heartbeatIntervalMs, delayMs(failures++));
      }
    }
  }

  /** Keeps the membership while a stop waits for its batches. No other member gets the partitions before they end. */
  async #heartbeatsUntil(membership: Membership, work: Promise<unknown>): Promise<void> {
    const { clock, heartbeatIntervalMs } = this.#options;
    const over = new AbortController();
    const finished = work.finally(() => over.abort());
    while (!over.signal.aborted) {
      await clock.sleep(heartbeatIntervalMs, over.signal);
      await this.#options.link.heartbeat(membership).catch(() => undefined);
    }
    await finished;
  }
}
