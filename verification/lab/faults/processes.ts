import { globSync } from 'node:fs';
import { waitUntil } from '@convergekit/testing';
import { freePort } from '@convergekit/testing/internal';
import { leaderOf } from '../operator.ts';
import type { Child } from '../process.ts';
import { fault, type SourceTarget, type Targets } from '../types.ts';
import { oneOf } from './choose.ts';

/** The relay's default lease, in milliseconds. */
const LEASE_MS = 5_000;

const isRelay = ({ spec }: Child): boolean => spec.name.startsWith('relay-');
const isProvider = ({ spec }: Child): boolean => spec.name === 'provider';
const isInventory = ({ spec }: Child): boolean => spec.name === 'inventory';
const isService = (one: Child): boolean => !isRelay(one) && !isProvider(one);

/** Waits for the relay that leads a source whose relays may be ended. */
function leader({ sources }: Pick<Targets, 'sources'>, pick: number): Promise<Child> {
  const { env, relays } = hunted(sources, pick);
  return waitUntil(() => leaderOf(env, relays).catch(() => undefined), {
    what: 'a relay of ours to lead',
    deadlineMs: 30_000,
  });
}

function hunted(sources: readonly SourceTarget[], pick: number): SourceTarget {
  const able = sources.filter(({ relays }) => relays.length > 0);
  const found = oneOf(able, pick);
  if (found === undefined) throw new Error('there is no source whose relays may be ended');
  return found;
}

const killing = (name: string, about: string, of: (child: Child) => boolean) =>
  fault({
    name,
    about,
    needs: ['processes'],
    inject: ({ processes }, { pick }) => {
      const child = oneOf(processes.filter(of), pick);
      child?.kill();
      return child && { what: child.spec.name };
    },
  });

export const killService = killing('kill-service', 'kill −9 of a service', isService);
export const killRelay = killing('kill-relay', 'kill −9 of any relay', isRelay);
export const killProvider = killing('kill-provider', 'kill −9 of the payment provider', isProvider);
export const killConsumer = killing('kill-inventory', 'kill −9 of the service inventory', isInventory);

export const killLeader = fault({
  name: 'kill-leader',
  about: 'kill −9 of the relay that leads',
  needs: ['sources'],
  inject: async (targets, { pick }) => {
    const relay = await leader(targets, pick);
    const exit = await relay.askToEnd('SIGKILL');
    return { what: `${relay.spec.name}, pid ${exit?.pid ?? '?'}` };
  },
});

export const killRelays = fault({
  name: 'kill-relays',
  about: 'kill −9 of the relay that leads and of the one that stands by',
  needs: ['sources'],
  inject: async ({ sources }, { pick }) => {
    const { relays } = hunted(sources, pick);
    await Promise.all(relays.map((relay) => relay.askToEnd('SIGKILL')));
    return { what: relays.map(({ spec }) => spec.name).join(' and ') };
  },
});

export const restartLeader = fault({
  name: 'restart-leader',
  about: 'SIGTERM to the relay that leads, which has to end in order, and its restart',
  needs: ['sources'],
  inject: async (targets, { pick, clock }) => {
    const relay = await leader(targets, pick);
    const began = clock.monotonic();
    const exit = await relay.askToEnd('SIGTERM');
    if (exit?.code !== 0)
      throw new Error(`${relay.spec.name} ended with ${exit?.code ?? exit?.signal ?? '?'} after SIGTERM`);
    return { what: `${relay.spec.name} ended in ${Math.round(clock.monotonic() - began)} ms` };
  },
});

const pausing = (name: string, leases: readonly [number, number]) =>
  fault({
    name,
    about: `SIGSTOP of the relay that leads for ${leases.join(' to ')} leases`,
    needs: ['sources'],
    holdMs: [leases[0] * LEASE_MS, leases[1] * LEASE_MS],
    inject: async (targets, { pick }) => {
      const relay = await leader(targets, pick);
      relay.pause();
      return { what: `SIGSTOP of ${relay.spec.name}`, repair: () => relay.resume() };
    },
  });

export const pauseLeader = pausing('pause-leader', [1, 3]);
export const pauseLeaderOnce = pausing('pause-leader-1', [1, 1]);
export const pauseLeaderThrice = pausing('pause-leader-3', [3, 3]);

export const pauseService = fault({
  name: 'pause-service',
  about: 'SIGSTOP of the service inventory, or of another one where there is no shop',
  needs: ['processes'],
  holdMs: [2_000, 15_000],
  inject: ({ processes }, { pick }) => {
    const able = processes.filter(isService);
    const child = able.find(isInventory) ?? oneOf(able, pick);
    child?.pause();
    return child && { what: `SIGSTOP of ${child.spec.name}`, repair: () => child.resume() };
  },
});

export const churnMembers = fault({
  name: 'churn-members',
  about: 'a second process of a service joins its groups of consumers, and leaves them',
  needs: ['processes'],
  holdMs: [3_000, 10_000],
  inject: async ({ processes }, { pick }) => {
    // A process that listens for requests has a port that no second one can take.
    const able = processes.filter((one) => !isRelay(one) && !('CONVERGE__HTTP__PORT' in one.spec.env));
    const child = oneOf(able, pick);
    if (child === undefined) return undefined;
    const second = child.twin(`${child.spec.name}-second`, await freePort());
    second.start();
    return { what: second.spec.name, repair: () => second.stop() };
  },
});

/** Where Debian has libfaketime. */
const LIBRARY = '/usr/lib/*/faketime/libfaketime.so.1';

/** A process whose clock of the day is off by an hour; its monotonic clock is right. */
const clockOff = (name: string, offset: '+1h' | '-1h') =>
  fault({
    name,
    about: `the clock of one process is off by ${offset} (Debian: libfaketime)`,
    needs: ['processes'],
    holdMs: [5_000, 20_000],
    inject: ({ processes }, { pick }) => {
      const [library] = globSync(LIBRARY);
      const child = oneOf(processes, pick);
      if (library === undefined || child === undefined) return undefined;
      const only = { FAKETIME_DONT_FAKE_MONOTONIC: '1', DONT_FAKE_MONOTONIC: '1' };
      child.restartWith({ LD_PRELOAD: library, FAKETIME: offset, ...only });
      return { what: child.spec.name, repair: () => child.restartWith({}) };
    },
  });

export const clockAhead = clockOff('clock-ahead', '+1h');
export const clockBehind = clockOff('clock-behind', '-1h');
