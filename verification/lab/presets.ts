import type { DriverName } from '@convergekit/kafka';
import type { BrokerName } from '@convergekit/local/choose';
import { allBrokerFaults, clusterOfThree, standbyBehindPooler } from './cluster-runs.ts';
import { driftedCounters, driftOf } from './faults/drift.ts';
import { faultsNamed, menu } from './faults/menu.ts';
import { brokerDown, brokerKill, postgresDown } from './faults/servers.ts';
import { killConsumer, killLeader } from './faults/processes.ts';
import { provider } from './faults/provider.ts';
import { failingSteps } from './faults/weather.ts';
import { switchMove } from './moves/cluster-switch.ts';
import type { Bins } from './moves/installs.ts';
import { startedFrom, upgradeMove } from './moves/upgrade.ts';
import type { Scene } from './plan.ts';
import { scenarios } from './scenarios.ts';
import type { RunSpec } from './spec.ts';
import type { Fault, Load } from './types.ts';
import type { CountedOptions } from './workloads/counted/part.ts';

/** What the command line changes. */
export interface Settings {
  readonly seconds?: number | undefined;
  readonly rate?: number | undefined;
  /** @default 1,000 */
  readonly orders?: number | undefined;
  /** @default 5,000 */
  readonly transfers?: number | undefined;
  /** Requests of a saga run at a time. @default 8 */
  readonly atOnce?: number;
  /** The mean time between two faults of a saga run, in milliseconds. @default 2,500 */
  readonly everyMs?: number;
  /** @default the kit's */
  readonly driver?: DriverName | undefined;
  /** @default kafka */
  readonly broker?: BrokerName;
  readonly faults?: readonly Fault[] | undefined;
  /** The programs of two versions of Postgres; undefined: where no run needs them. */
  readonly bins?: Bins | undefined;
}

export interface Preset {
  readonly name: string;
  readonly about: string;
  runs(settings: Settings): readonly RunSpec[];
}

const atRate = (perSecond: number, seconds: number): Load => ({ kind: 'rate', perSecond, seconds });
/** A fault that is held for this time. */
const held = (fault: Fault, ms: number): Fault => ({ ...fault, holdMs: [ms, ms] });

function demo({ seconds = 50, rate = 20, broker = 'kafka' }: Settings): RunSpec {
  const scenes: readonly Scene[] = [
    { at: 0.12, fault: killLeader },
    { at: 0.26, fault: killConsumer },
    { at: 0.38, until: 0.5, fault: provider({ mode: 'decline', every: 2 }, 'every second card is declined') },
    { at: 0.5, until: 0.58, fault: provider({ mode: 'late', every: 4 }, 'every fourth answer is late') },
    { at: 0.64, fault: held(brokerKill, 0) },
    { at: 0.86, fault: driftedCounters },
  ];
  return {
    name: 'demo',
    title: 'The shop under faults',
    workloads: ['shop'],
    broker,
    mayStayOpen: true,
    load: atRate(rate, seconds),
    warmUp: { orders: 60 },
    plan: { kind: 'script', scenes },
  };
}

/** Faults of servers, networks and processes; failures of a step's own writes go on all the time. */
const SAGA_FAULTS = [
  ...['kill-service', 'kill-relay', 'kill-provider', 'provider', 'session-ended'],
  ...['network-database-reset', 'network-database-half-open', 'network-database-replies'],
];

export function sagas(settings: Settings): RunSpec {
  const { orders = 1_000, transfers = 5_000, atOnce = 8, everyMs = 2_500, faults } = settings;
  return {
    name: 'sagas',
    title: 'Orders and transfers as sagas under faults',
    sagas: true,
    workloads: ['shop', 'transfers'],
    load: { kind: 'count', counts: { orders, transfers }, atOnce },
    plan: {
      kind: 'deck',
      faults: (faults ?? faultsNamed(SAGA_FAULTS)).map((one) =>
        one.background === true ? one : held(one, 500),
      ),
      everyMs: [everyMs * 0.5, everyMs * 1.5],
    },
    throughout: [failingSteps],
    noProgressMs: LONGEST_WAIT_MS + 60_000,
  };
}

/** The longest wait between two tries of a call. */
const LONGEST_WAIT_MS = 600_000;

/** Names of groups that concern relays and their servers. */
export const SOAK_FAULTS = [
  ...['kill-leader', 'kill-relays', 'pause-leader', 'restart-leader', 'postgres-immediate', 'postgres-kill'],
  ...['postgres-restart', 'broker-stop', 'broker-kill', 'network', 'session', 'topic'],
];

function soak({ seconds = 1_800, rate = 300, driver, faults }: Settings): RunSpec {
  return {
    name: 'soak',
    title: 'Relays under random faults',
    workloads: ['writers'],
    driver,
    load: atRate(rate, seconds),
    plan: {
      kind: 'deck',
      faults: faults ?? faultsNamed(SOAK_FAULTS),
      everyMs: [10_000, 20_000],
    },
  };
}

export function outage({ seconds = 30, rate = 200, driver }: Settings): RunSpec {
  return {
    name: 'outage',
    title: `Kafka, then Postgres is away for ${seconds} s`,
    workloads: ['counted'],
    load: atRate(rate, Number.POSITIVE_INFINITY),
    plan: {
      kind: 'script',
      scenes: [
        { at: 0, fault: held(brokerDown, seconds * 1_000) },
        { at: 0, fault: held(postgresDown, seconds * 1_000) },
      ],
    },
    endsWithPlan: true,
    counted: { mayRefuse: true, ...(driver && { driver }) },
  };
}

function moved(name: string, title: string, fault: Fault, rate: number, counted: CountedOptions): RunSpec {
  return {
    name,
    title,
    workloads: ['counted'],
    counted,
    endsWithPlan: true,
    load: atRate(rate, Number.POSITIVE_INFINITY),
    plan: { kind: 'script', scenes: [{ at: 0, fault }] },
  };
}

function upgrades({ rate = 200, bins }: Settings): readonly RunSpec[] {
  if (bins === undefined) return [];
  return (['pg_upgrade', 'replication'] as const).map((kind) =>
    moved(kind, `Postgres moves to its next major version by ${kind}`, upgradeMove(kind, bins), rate, {
      postgres: startedFrom(bins.old),
    }),
  );
}

function switches({ rate = 200 }: Settings): readonly RunSpec[] {
  return (['planned', 'lost'] as const).map((kind) =>
    moved(kind, `Relay and consumers move to another Kafka cluster: ${kind}`, switchMove(kind), rate, {
      consumers: ['stock', 'mail'],
    }),
  );
}

/** All workloads and all faults that touch them, by turns. */
function turns(settings: Settings, seconds: number): readonly RunSpec[] {
  const share = { ...settings, seconds };
  const everywhere = menu.filter(({ name }) => !/-down$|^drift|^steps/.test(name));
  const both = sagas(settings);
  return [
    {
      ...soak({ ...share, rate: settings.rate ?? 150 }),
      title: 'Writers under every fault that touches them',
    },
    {
      ...both,
      title: 'Shop and transfers under every fault that touches them',
      load: atRate(settings.rate ?? 4, seconds),
      plan: { kind: 'deck', faults: everywhere, everyMs: [4_000, 12_000] },
    },
    {
      ...demo(share),
      plan: {
        kind: 'deck',
        faults: [...faultsNamed(['kill', 'pause-service', 'broker-kill', 'provider']), driftOf(20)],
        everyMs: [4_000, 12_000],
      },
      mayStayOpen: false,
    },
    outage({ ...settings, seconds: Math.min(30, seconds / 8), rate: 80 }),
    { ...sagas({ ...settings, orders: seconds, transfers: 3 * seconds }), name: 'counted-sagas' },
  ];
}

const preset = (name: string, about: string, runs: Preset['runs']): Preset => ({ name, about, runs });

export const presets: readonly Preset[] = [
  preset('quick', 'every workload under faults in 5 min', (settings) =>
    turns(settings, settings.seconds ?? 45),
  ),
  preset('night', 'all workloads and all faults by turns, 60 min', (settings) => [
    ...turns(settings, settings.seconds ?? 600),
    ...scenarios(),
    ...switches({ ...settings, rate: 100 }),
    clusterOfThree({ ...settings, faults: undefined }),
    standbyBehindPooler(settings),
  ]),
  preset('demo', 'the shop under faults, then its audit', (settings) => [demo(settings)]),
  preset('soak', 'relays under a random fault every 10 to 20 s for 30 min', (settings) => [soak(settings)]),
  preset('sagas', '1,000 orders and 5,000 transfers under faults', (settings) => [sagas(settings)]),
  preset('scenarios', 'the scenarios of the shop, each with what is expected', ({ seconds }) =>
    scenarios(seconds === undefined ? {} : { most: seconds }),
  ),
  preset('outage', 'Kafka 30 s away, then Postgres, under a consumer at work', (settings) => [
    outage(settings),
  ]),
  preset('cluster', 'three brokers under every fault of a broker; --minutes: by turns', (settings) => [
    clusterOfThree({ ...settings, faults: settings.faults ?? allBrokerFaults }),
  ]),
  preset('standby', 'a primary and its standby behind PgBouncer under every fault of theirs', (settings) => [
    standbyBehindPooler(settings),
  ]),
  preset('upgrade', 'Postgres moves to its next major version under load', upgrades),
  preset('cluster-switch', 'relay and consumers move to another Kafka cluster', switches),
];
