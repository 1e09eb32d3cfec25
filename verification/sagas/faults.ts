import { type Random, systemClock } from '@convergekit/core';
import type { FaultProxy } from '@convergekit/testing';
import { behaveAs } from '../demo/faults/faults.ts';
import type { World } from './world.ts';

export interface Fault {
  readonly kind: string;
  /** Causes the fault and describes its target. `pick`, in [0, 1), chooses the target. */
  run(world: World, pick: number): Promise<string>;
}

const killing = (kind: string, of: (name: string) => boolean): Fault => ({
  kind,
  run: ({ children }, pick) => {
    const able = children.filter(({ spec }) => of(spec.name));
    const child = able[Math.floor(pick * able.length)];
    child?.kill();
    return Promise.resolve(child?.spec.name ?? 'no process');
  },
});

const provider = (kind: string, behaviour: { mode: string; every?: number; lateMs?: number }): Fault => ({
  kind,
  run: ({ shop }) => behaveAs(shop, behaviour),
});

/** A fault of the network between the processes of a bank and its database, for half a second. */
const network = (kind: string, begin: (network: FaultProxy) => void): Fault => ({
  kind,
  run: async ({ banks }, pick) => {
    const [name, proxy] = Object.entries(banks.networks)[Math.floor(pick * 2)] ?? [];
    if (proxy === undefined) return 'no network';
    begin(proxy);
    await systemClock.sleep(500);
    proxy.restore();
    return name ?? 'no network';
  },
});

/**
 * The faults of servers, networks and processes; failures of a step's own writes are in weather.ts. Those failures go on all the
 * time.
 */
export const faults: readonly Fault[] = [
  killing('kill -9 of a service', (name) => !name.startsWith('relay-') && name !== 'provider'),
  killing('kill -9 of a relay', (name) => name.startsWith('relay-')),
  killing('kill -9 of the provider', (name) => name === 'provider'),
  provider('the provider hangs', { mode: 'hang', every: 3 }),
  provider('the provider’s replies are lost', { mode: 'late', every: 3, lateMs: 4_000 }),
  provider('the provider fails', { mode: 'fail', every: 2 }),
  provider('the provider declines', { mode: 'decline', every: 4 }),
  provider('the provider is well', { mode: 'normal' }),
  network('a bank’s connections to its database break', (proxy) => proxy.cut()),
  network('a bank’s database does not answer', (proxy) => proxy.stall()),
  network('the answers of a bank’s database are lost', (proxy) => proxy.dropReplies()),
  {
    kind: 'all sessions of a database end',
    run: async ({ sources }, pick) => {
      const [name, database] = [...sources][Math.floor(pick * sources.size)] ?? [];
      await database?.executor.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and application_name <> current_setting('application_name')`,
      );
      return name ?? 'no process';
    },
  },
];

export interface Planned {
  readonly fault: Fault;
  readonly pick: number;
  /** The delay after the previous fault, in milliseconds. */
  readonly afterMs: number;
}

/** Plans faults: the whole menu shuffled, again and again, equal for equal random numbers. */
export function* planFaults(random: Random, everyMs: number): Generator<Planned, never> {
  for (;;) {
    const deck = faults.map((fault) => ({ fault, at: random() })).toSorted((a, b) => a.at - b.at);
    for (const { fault } of deck) yield { fault, pick: random(), afterMs: everyMs * (0.5 + random()) };
  }
}
