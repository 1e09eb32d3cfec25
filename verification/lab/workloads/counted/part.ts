import type { ConsumerService } from '@convergekit/inbox';
import type { DriverName } from '@convergekit/kafka';
import type { Database } from '@convergekit/postgres';
import type { Relay } from '@convergekit/relay';
import type { embeddedPostgres, EmbeddedServer } from '@convergekit/testing/engine';
import { type Check, checkOf } from '../../../checker/check.ts';
import {
  converge,
  type Environment,
  isComplete,
  listEvents,
  logComparison,
  partitionStates,
  readProgress,
  sourceState,
} from '../../operator.ts';
import type { Judged, Load, Look, Part, Run } from '../../types.ts';
import { AlarmRecord } from './alarm-record.ts';
import { countEffects, effectChecks, type EffectCounts, judgeEffects } from './effects-sql.ts';
import type { EffectDb } from './events.ts';
import { Fork } from './fork.ts';
import type { Pair } from './pair.ts';
import { type Cluster, startConsumer, startRelay, untilApplied } from './services.ts';
import { Writers } from './writers.ts';

/** A database of the workload: where it is now. */
export interface Place {
  url: string;
  database: Database<EffectDb>;
}

export interface CountedOptions {
  /** The consumers, each in a database of its own. @default stock */
  readonly consumers?: readonly string[];
  readonly driver?: DriverName;
  /** The brokers of the cluster: three have each record, and two must have it before it is acknowledged. @default 1 */
  readonly brokers?: 1 | 3;
  /** How Postgres is started. */
  readonly postgres?: Parameters<typeof embeddedPostgres>[0];
  /** True for a Postgres with a standby, behind a PgBouncer. @default false */
  readonly pair?: boolean;
  /** True where a server is away while writers write: what they cannot commit is no finding. @default false */
  readonly mayRefuse?: boolean;
}

declare module '../../types.ts' {
  interface Targets {
    /** Counted events, whose servers may be replaced. */
    readonly counted: CountedPart;
    /** Its Postgres, where a standby follows it. */
    readonly pair: Pair;
  }
}

/**
 * Counted events as a workload: writers, a relay, and consumers that write one effect for each event. Servers and places
 * can be replaced while it runs.
 */
export class CountedPart implements Part {
  readonly targets: Part['targets'];
  // A backlog of half a minute has to be applied, too.
  readonly liveWithinMs = 120_000;
  readonly run: Run;
  readonly postgres: EmbeddedServer;
  readonly pair: Pair | undefined;
  readonly fork = new Fork();
  readonly orders: Place;
  readonly consumers: ReadonlyMap<string, Place>;
  cluster: Cluster;
  relay: Relay | undefined;
  readonly services = new Map<string, ConsumerService>();
  writers: Writers | undefined;
  readonly alarms = new AlarmRecord();
  /** What a move measured. */
  readonly figures: [string, string][] = [];
  rate = 0;
  readonly #mayRefuse: boolean;
  #parked = 0;

  constructor(
    run: Run,
    at: Pick<CountedPart, 'postgres' | 'pair' | 'orders' | 'consumers' | 'cluster'>,
    mayRefuse: boolean,
  ) {
    this.run = run;
    this.postgres = at.postgres;
    this.pair = at.pair;
    this.orders = at.orders;
    this.consumers = at.consumers;
    this.cluster = at.cluster;
    this.#mayRefuse = mayRefuse;
    this.targets = {
      postgres: at.postgres,
      kafka: at.cluster.server,
      nodes: at.cluster.nodes,
      counted: this,
      ...(at.pair && { pair: at.pair }),
    };
  }

  envOf({ url }: Place): Environment {
    return { DATABASE_URL: url, KAFKA_BROKERS: this.cluster.server.address };
  }

  async start(): Promise<void> {
    await this.startRelay();
    for (const name of this.consumers.keys()) await this.startConsumer(name);
  }

  async startRelay(): Promise<Relay> {
    this.relay = await startRelay(this.orders.database, this.cluster.broker, this.run.defer, this.alarms);
    return this.relay;
  }

  async startConsumer(name: string): Promise<ConsumerService> {
    const { database } = this.place(name);
    const service = await startConsumer(name, database, this.cluster.broker, this.run.defer, this.alarms);
    this.services.set(name, service);
    return service;
  }

  place(name: string): Place {
    const found = this.consumers.get(name);
    if (found === undefined) throw new Error(`there is no consumer ${name}`);
    return found;
  }

  async load(load: Load, _: unknown, signal: AbortSignal): Promise<void> {
    if (load.kind !== 'rate') throw new Error('counted events need a rate and a time');
    this.rate = load.perSecond;
    const writers = new Writers(this.orders.database, load.perSecond, (error) => this.alarms.explains(error));
    this.writers = writers;
    writers.start();
    this.run.defer(() => writers.stop());
    // The longest time that a timer can wait for.
    await this.run.clock.sleep(Math.min(load.seconds * 1_000, 2_147_483_647), signal);
    await writers.stop();
  }

  warm(): Promise<void> {
    return this.moreEffects(1);
  }

  async status(): Promise<string> {
    await this.#lookForParked();
    return `${this.writers?.acknowledged.length ?? 0} transactions committed`;
  }

  /** Waits until so many more events have their effect at the first consumer. */
  async moreEffects(more: number): Promise<void> {
    const [first] = this.consumers.values();
    if (first !== undefined)
      await untilApplied(first.database, (await countEffects(first.database.executor)) + more);
  }

  /** All works again when what was committed by now has its effect. */
  live(): () => Promise<string | undefined> {
    let wanted: number | undefined;
    return async () => {
      wanted ??= this.fork.effectsOf(this.writers?.acknowledged.length ?? 0);
      await this.#lookForParked();
      for (const [name, { database }] of this.consumers) {
        const count = await countEffects(database.executor);
        if (count < wanted) return `${count} of ${wanted} events have their effect at ${name}`;
      }
      return undefined;
    };
  }

  async look(): Promise<Look> {
    const committed = this.fork.effectsOf(this.writers?.acknowledged.length ?? 0);
    let { backlog: open } = await sourceState(this.envOf(this.orders));
    let read = 0;
    for (const place of this.consumers.values()) {
      const count = await countEffects(place.database.executor);
      const { unread } = await readProgress(this.envOf(place));
      read += count;
      open += Math.max(committed - count, unread, 0);
    }
    return { waitingFor: open === 0 ? undefined : `${open} events have no effect yet`, open, read };
  }

  async judge(): Promise<Judged> {
    const { acknowledged = [], refusals = [] } = this.writers ?? {};
    const sent = (await listEvents(this.envOf(this.orders))).map(({ eventId }) => eventId);
    const kept = new Set(sent);
    const effects = new Map<string, EffectCounts>();
    for (const [name, { database }] of this.consumers)
      effects.set(name, this.fork.judge(await judgeEffects(database.executor, this.fork.withPhantoms(sent))));
    await this.#lookForParked();
    const lost = acknowledged.filter((id) => !kept.has(id) && !this.fork.hasLost(id));
    const parked = this.#parked === 0 ? [] : [`${this.#parked} events`];
    return {
      checks: [
        checkOf('every acknowledged commit is there', acknowledged.length, lost),
        ...(this.#mayRefuse
          ? []
          : [checkOf('no transaction of a writer failed', acknowledged.length, refusals)]),
        ...[...effects].flatMap(([name, counts]) => effectChecks(name, sent.length, counts)),
        checkOf('no event was parked or given up', sent.length, parked),
        await this.#logFits(),
        await this.#partitionsRun(),
        ...(this.cluster.nodes.length === 0 && this.pair === undefined
          ? []
          : [this.alarms.check(acknowledged.length)]),
      ],
      figures: [
        ['committed', `${sent.length} events`],
        ['refused', `${refusals.length} transactions`],
        ...[...effects].map(([name, { longestPauseMs }]) => {
          return [`longest pause between two effects at ${name}`, `${longestPauseMs} ms`] as const;
        }),
        ...this.fork.figures,
        ...this.figures,
      ],
    };
  }

  /** Counts events that are parked now, also those that may succeed later. */
  async #lookForParked(): Promise<void> {
    for (const place of this.consumers.values()) {
      const list = ['parked', 'list', '--limit', '1000000'];
      const found = await converge<readonly unknown[]>(list, this.envOf(place)).catch(() => []);
      this.#parked = Math.max(this.#parked, found.length);
    }
  }

  /** Gives the commands that end a runbook: the log fits the source, and every partition of the consumers is running. */
  async #logFits(): Promise<Check> {
    const comparison = await logComparison(this.envOf(this.orders));
    return checkOf(
      'the log fits its source',
      1,
      isComplete(comparison) ? [] : [JSON.stringify(comparison ?? null)],
    );
  }

  async #partitionsRun(): Promise<Check> {
    const states = await Promise.all(
      [...this.consumers.values()].map((place) => partitionStates(this.envOf(place))),
    );
    const halted = states.flat().filter(({ halted: why }) => why !== null);
    return checkOf(
      'every partition of every consumer runs',
      states.flat().length,
      halted.map((one) => `${one.consumer} ${one.topic}/${one.partition}: ${one.halted?.code ?? ''}`),
    );
  }
}
