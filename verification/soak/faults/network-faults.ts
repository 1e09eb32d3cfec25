import type { FaultProxy } from '@convergekit/testing';
import { between, chosen, type Fault, namesOf } from './fault.ts';

interface Mode {
  readonly name: string;
  readonly enter: (proxy: FaultProxy, size: number) => void;
  readonly most: number;
}

const modes: readonly Mode[] = [
  { name: 'reset and refused', enter: (proxy) => proxy.cut(), most: 8_000 },
  { name: 'half-open', enter: (proxy) => proxy.stall(), most: 12_000 },
  { name: 'answers lost', enter: (proxy) => proxy.dropReplies(), most: 6_000 },
  { name: 'delayed', enter: (proxy, size) => proxy.delay(20 + size * 480), most: 10_000 },
];

/** Faults of the network between the relays of a source and their servers. Postgres, Kafka and the writers work. */
export const networkFaults: readonly Fault[] = (['broker', 'database'] as const).flatMap((where) =>
  modes.map(({ name, enter, most }) => ({
    kind: `network to the ${where}: ${name}`,
    run: async (run) => {
      const sources = chosen(run);
      const proxies = sources.map(({ brokerProxy, databaseProxy }) =>
        where === 'broker' ? brokerProxy : databaseProxy,
      );
      const ms = between(200, most, run);
      for (const proxy of proxies) enter(proxy, run.pick);
      try {
        await run.clock.sleep(ms, run.signal);
      } finally {
        for (const proxy of proxies) proxy.restore();
      }
      return `${namesOf(sources)} for ${ms} ms`;
    },
  })),
);
