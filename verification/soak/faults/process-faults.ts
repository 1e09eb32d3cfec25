import { waitUntil } from '@convergekit/testing';
import type { RelayProcess } from '../relay-process.ts';
import { standing } from '../liveness.ts';
import { between, type Fault, type FaultRun } from './fault.ts';

/** The relay's default lease, in milliseconds. */
export const LEASE_MS = 5_000;

/** The relay of the hunted source that leads: the holder's name carries its process id. */
async function leader({ world }: FaultRun): Promise<RelayProcess> {
  return waitUntil(
    async () => {
      const { holder } = await standing(world.hunted);
      return world.hunted.relays.find(
        ({ pid }) => pid !== undefined && new RegExp(`\\b${pid}\\b`).test(holder),
      );
    },
    { what: 'a relay of the hunted source to lead', deadlineMs: 30_000 },
  );
}

export const processFaults: readonly Fault[] = [
  {
    kind: 'relay: kill -9 of the leader',
    async run(run) {
      const relay = await leader(run);
      const { pid } = await relay.askToEnd('SIGKILL');
      return `${relay.name}, pid ${pid}`;
    },
  },
  {
    kind: 'relay: kill -9 of leader and standby',
    async run({ world }) {
      await Promise.all(world.hunted.relays.map((relay) => relay.askToEnd('SIGKILL')));
      return 'both';
    },
  },
  {
    kind: 'relay: leader stopped for 1 to 3 leases',
    async run(run) {
      const relay = await leader(run);
      const ms = between(LEASE_MS, 3 * LEASE_MS, run);
      relay.signal('SIGSTOP');
      try {
        await run.clock.sleep(ms, run.signal);
      } finally {
        relay.signal('SIGCONT');
      }
      return `${relay.name} for ${ms} ms`;
    },
  },
  {
    kind: 'relay: SIGTERM and restart of the leader',
    async run(run) {
      const relay = await leader(run);
      const began = run.clock.monotonic();
      const { code, signal } = await relay.askToEnd('SIGTERM');
      if (code !== 0)
        throw new Error(
          `${relay.name} ended with ${code === null ? String(signal) : `code ${code}`} after SIGTERM`,
        );
      return `${relay.name} ended in ${Math.round(run.clock.monotonic() - began)} ms`;
    },
  },
];
