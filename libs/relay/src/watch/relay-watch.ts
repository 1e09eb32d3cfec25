import { classify } from '@convergekit/resilience';
import type { Check } from '@convergekit/config';
import { messageOf } from '@convergekit/core/engine';
import { Counter, type Waiting, writeCounters } from '@convergekit/postgres/engine';
import { isUnreachable, type Trouble } from './alarms.ts';
import type { FailedTerms } from '../leader/attempts.ts';
import type { Ending } from '../leader/ending.ts';
import type { Leadership } from '../leader/leadership.ts';
import type { RelaySettings } from '../options.ts';
import { leadingState, type RelayState } from './status.ts';
import { brokerErrorOf } from './failure-log.ts';
import { Activity, type Channel, type Pulse } from './activity.ts';
import type { Alarm } from './alarm-board.ts';
import { Observer, type OwnFacts } from './observer.ts';
import { Awake, stallOfLeader, stallOfStandby } from './progress.ts';

/** The state of the relay; `leader` while it leads. */
export interface Standing {
  readonly state: RelayState['state'];
  readonly leader: Leadership | undefined;
  readonly failedTerms: FailedTerms | undefined;
}

/** Watches a relay from start to stop: whether it is alive, and which alarms are raised. */
export class RelayWatch {
  /** The settings for the relay to work with: what goes through their ports is seen. */
  readonly settings: RelaySettings;
  readonly counter = new Counter('relay', 'relay');
  readonly #activity: Activity;
  readonly #observer: Observer;
  readonly #standing: () => Standing;
  readonly #awake: Awake;
  readonly #counted = new AbortController();
  readonly #writeCounts: () => Promise<void>;
  #counting: Promise<void> = Promise.resolve();
  #trouble: Trouble | undefined;
  #overSince: number | undefined;

  constructor(settings: RelaySettings, standing: () => Standing) {
    this.#activity = new Activity(settings.clock);
    this.#awake = new Awake(settings.clock.monotonic());
    this.#standing = standing;
    const { database, broker } = settings;
    this.settings = {
      ...settings,
      broker: this.#activity.broker(broker),
      database: { ...database, executor: this.#activity.executor('lease', database.executor) },
    };
    // The observer gets the unwatched ports: a survey is no sign of life.
    this.#observer = new Observer(settings, () => this.#facts());
    this.#writeCounts = () =>
      writeCounters({
        executor: database.executor,
        take: () => [this.counter.take(this.#waiting())],
        clock: settings.clock,
        random: settings.random,
        signal: this.#counted.signal,
        onError: (error) =>
          settings.log.debug({ err: error }, 'the counts for the charts could not be written'),
      });
  }

  get activity(): Activity {
    return this.#activity;
  }

  get alarms(): readonly Alarm[] {
    return this.#observer.alarms;
  }

  get troubleFrom(): Trouble['from'] | undefined {
    return this.#standing().state === 'standby' ? this.#trouble?.from : undefined;
  }

  start(): void {
    this.#activity.begin();
    this.#observer.start();
    this.#counting = this.#writeCounts();
  }

  async stop(): Promise<void> {
    await this.#observer.stop();
    this.#counted.abort();
    await this.#counting;
  }

  /** What waits in the outbox. Only the leader says it: standbys would add the same events. */
  #waiting(): Waiting | undefined {
    const { survey } = this.#observer;
    if (survey === undefined || this.#standing().leader === undefined) return undefined;
    return { lag: survey.backlog, oldestMs: survey.oldestMs };
  }

  /** The lease was taken: the database answers. `ending` is the end of what begins. */
  taken(ending: Ending): void {
    this.#overSince = undefined;
    if (this.#trouble !== undefined && isUnreachable(this.#trouble)) this.#trouble = undefined;
    this.#activity.begin();
    ending.onEnd(() => (this.#overSince = this.settings.clock.monotonic()));
  }

  /** Records why the relay cannot work; `undefined` when it can again. */
  troubled(error: unknown): void {
    this.#trouble = error === undefined ? undefined : troubleOf(error);
  }

  /** Returns the liveness for /livez. A relay that waits for a broker or a database is alive. */
  live(): Check {
    const stall = this.#stall();
    return stall === undefined ? { ok: true } : { ok: false, detail: stall };
  }

  /** A stop has its own deadline. */
  #stall(): string | undefined {
    const { clock, stalledAfterMs } = this.settings;
    const { state, leader } = this.#standing();
    const now = clock.monotonic();
    this.#awake.look(now);
    const within = <At extends number | undefined>(at: At): At | number =>
      at === undefined ? at : this.#awake.within(at);
    const pulse = (channel: Channel): Pulse => {
      const { lastAt, pendingSince } = this.#activity.pulse(channel);
      return { lastAt: this.#awake.within(lastAt), pendingSince: within(pendingSince) };
    };
    if (state === 'standby') return stallOfStandby(pulse('lease').lastAt, now, stalledAfterMs);
    if (leader === undefined) return undefined;
    const progress = {
      overSince: within(this.#overSince),
      reads: pulse('reads'),
      writes: pulse('writes'),
      produce: pulse('produce'),
      queued: leader.backlog.events,
      waitingSince: within(leader.backlog.waitingSince),
      maySend: leader.margin.maySendFor(now) > 0,
      unsavedSince: within(leader.backlog.unsaved.since),
    };
    return stallOfLeader(progress, now, stalledAfterMs);
  }

  #facts(): OwnFacts {
    const { leader, state, failedTerms } = this.#standing();
    const { clock } = this.settings;
    // A leader keeps what it was refused until its first tick: a leader that never writes one does not work.
    const trouble = state === 'standby' || state === 'leading' ? this.#trouble : undefined;
    const always = { stalled: this.#stall(), trouble, failedTerms };
    if (leader === undefined) return { ...always, leading: false, held: [] };
    const status = leadingState(leader);
    const { tickWarnedAt } = leader.totals;
    return {
      ...always,
      leading: true,
      held: status.held,
      forged: [...leader.forged],
      brokerTrouble: leader.brokerTrouble,
      maySendForMs: leader.margin.maySendFor(clock.monotonic()),
      tickWarnedAgoMs: tickWarnedAt === undefined ? undefined : clock.monotonic() - tickWarnedAt,
    };
  }
}

/** Decides which side an error comes from. Pure. */
export function troubleOf(error: unknown): Trouble {
  const text = messageOf(error);
  const { code, category } = classify(error);
  if (brokerErrorOf(error) !== undefined) return { code, text, from: 'broker' };
  // A refused login is a setting that is wrong, and the database that refuses.
  const isOfDatabase = ['network', 'throttle', 'service'].includes(category) || code.startsWith('DATABASE_');
  return { code, text, from: isOfDatabase ? 'database' : 'other' };
}
