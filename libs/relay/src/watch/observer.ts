import { poll } from '@convergekit/core/engine';
import { measureOutbox } from '@convergekit/outbox/engine';
import { withTransaction } from '@convergekit/postgres';
import { attributeNames, instruments } from '@convergekit/telemetry/engine';
import { alarmDefinitions, type AlarmName, conditionsOf, type RelayFacts } from './alarms.ts';
import type { RelaySettings } from '../options.ts';
import { sourceLabel, type SourceLabel } from '../source-label.ts';
import { type Alarm, AlarmBoard } from './alarm-board.ts';
import { type Survey, survey } from './survey-sql.ts';
import { countWaitingCommits } from './waiting-commits-sql.ts';

const LOOK_MS = 500;
/** The time between two surveys in trouble: the cause has to be known before the alarm about it. */
const LATE_SURVEY_MS = 1_000;

/** The facts that the relay knows of itself. */
export type OwnFacts = Omit<RelayFacts, 'survey' | 'waitingCommits'> & { readonly leading: boolean };

/**
 * Observes the relay twice a second and the database every few seconds, also as a standby. It raises alarms and records
 * gauges. The observer only reads: a hanging database stops only its surveys.
 */
export class Observer {
  readonly #settings: RelaySettings;
  readonly #facts: () => OwnFacts;
  readonly #board: AlarmBoard;
  readonly #stop = new AbortController();
  #survey: Survey | undefined;
  #source: string | undefined;
  #newest: bigint | undefined;
  #waitingCommits: number | undefined;
  readonly #looks = {
    commits: new Look(() => this.#countCommits()),
    survey: new Look(() => this.#look()),
    size: new Look(() => this.#measure()),
  };
  #running: Promise<void> | undefined;

  constructor(settings: RelaySettings, facts: () => OwnFacts) {
    this.#settings = settings;
    this.#facts = facts;
    this.#board = new AlarmBoard(settings.alarmAfterMs);
  }

  get alarms(): readonly Alarm[] {
    return this.#board.raised;
  }

  /** The result of the last survey; undefined before the first. */
  get survey(): Survey | undefined {
    return this.#survey;
  }

  start(): void {
    const { clock, random } = this.#settings;
    const { signal } = this.#stop;
    const run = (): Promise<void> => Promise.resolve(this.#round());
    const onError = (error: unknown): void =>
      this.#settings.log.error(
        { err: error },
        'the alarms of the relay could not be worked out; tried again',
      );
    this.#running ??= poll({ everyMs: LOOK_MS, signal, onError, clock, random, run });
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  #round(): void {
    const { clock, surveyMs } = this.#settings;
    const { maySendForMs, trouble } = this.#facts();
    const isLate = maySendForMs === 0 || trouble !== undefined;
    const everyMs = isLate ? Math.min(LATE_SURVEY_MS, surveyMs) : surveyMs;
    // No look is awaited: it may hang, and the alarm about that must not.
    this.#looks.commits.begin(clock.monotonic(), everyMs);
    this.#looks.survey.begin(clock.monotonic(), everyMs);
    this.#see();
  }

  async #look(): Promise<void> {
    const { database, lease, clock, random, log } = this.#settings;
    try {
      // One transaction: the settings of the kit's own are set once for all statements.
      const transaction = { clock, random, attempts: 1 };
      this.#survey = await withTransaction(database, transaction, (tx) =>
        survey(tx, { lease, now: () => clock.now() }),
      );
      this.#record(this.#survey);
      // It writes, so it may wait for a standby: the next survey does not wait for it.
      if (this.#facts().leading) this.#looks.size.begin(clock.monotonic(), 0);
    } catch (error) {
      // The loops that need the database log that it is away. The last survey is outdated.
      this.#survey = undefined;
      log.debug({ err: error }, 'the survey of the outbox failed; it is repeated');
    }
  }

  async #countCommits(): Promise<void> {
    const { database, log } = this.#settings;
    try {
      this.#waitingCommits = await countWaitingCommits(database.executor);
    } catch (error) {
      this.#waitingCommits = undefined;
      log.debug({ err: error }, 'the commits that wait could not be counted; it is repeated');
    }
  }

  async #measure(): Promise<void> {
    const { database, log, outbox } = this.#settings;
    if (this.#survey === undefined) return;
    try {
      await measureOutbox(database.executor, this.#survey.publishedId, outbox);
    } catch (error) {
      log.warn({ err: error }, 'the outbox could not be measured: outbox.maxBytes is not followed');
    }
  }

  #see(): void {
    const { clock, lateAfterMs, log } = this.#settings;
    const facts = this.#facts();
    const conditions = conditionsOf(
      { ...facts, waitingCommits: this.#waitingCommits, survey: this.#survey },
      { lateAfterMs },
    );
    const { raised, cleared } = this.#board.see(conditions, {
      wallMs: clock.now(),
      monotonic: clock.monotonic(),
    });
    for (const { name, text, next } of raised)
      log.warn({ alarm: name, next }, `alarm ${name}: ${text.replace(/\.$/, '')}. Next: ${next}`);
    for (const { name, lastedMs, subject } of cleared) {
      const of = subject === undefined ? '' : ` for ${subject}`;
      log.info({ alarm: name, lastedMs, subject }, `alarm ${name} is over${of}`);
    }
    const measures = instruments();
    const label = this.#label();
    if (label === undefined) return;
    for (const name of Object.keys(alarmDefinitions) as AlarmName[])
      measures.relayAlarm.record(this.#board.isRaised(name) ? 1 : 0, {
        ...label,
        [attributeNames.alarm]: name,
      });
    measures.relayLeader.record(facts.leading ? 1 : 0, label);
    const halted = facts.held.filter(({ state }) => state === 'halted');
    measures.relayHaltedTopics.record(new Set(halted.map(({ topic }) => topic)).size, label);
  }

  #record({ backlog, oldestMs, blockers, epoch, limit, newestId }: Survey): void {
    const measures = instruments();
    const label = this.#label();
    const newest = BigInt(newestId);
    if (this.#newest !== undefined && newest > this.#newest)
      measures.outboxAppended.add(Number(newest - this.#newest), label);
    this.#newest = newest;
    measures.outboxBacklog.record(backlog, label);
    measures.outboxAge.recordMs(oldestMs, label);
    measures.outboxSize.record(limit.totalBytes, label);
    measures.outboxWaiting.record(limit.waitingBytes, label);
    measures.outboxGrowth.record(limit.bytesPerSecond, label);
    if (limit.maxBytes !== undefined) measures.outboxLimit.record(limit.maxBytes, label);
    measures.relayHorizonBlockers.record(blockers.length, label);
    measures.relayEpoch.record(epoch, label);
  }

  /** undefined before the first survey: a series without a source would never end. */
  #label(): SourceLabel | undefined {
    this.#source ??= this.#settings.source ?? this.#survey?.source;
    return this.#source === undefined ? undefined : sourceLabel(this.#source);
  }
}

/** A look at the database that does not begin again before it has ended. */
class Look {
  readonly #look: () => Promise<void>;
  #running: Promise<void> | undefined;
  #begunAt = Number.NEGATIVE_INFINITY;

  constructor(look: () => Promise<void>) {
    this.#look = look;
  }

  begin(now: number, everyMs: number): void {
    if (this.#running !== undefined || now < this.#begunAt + everyMs) return;
    this.#begunAt = now;
    this.#running = this.#look().finally(() => (this.#running = undefined));
  }
}
