import type { FaultProxy } from '@convergekit/testing';
import { type Fault, fault } from '../types.ts';
import { chosen, namesOf } from './choose.ts';

interface Mode {
  readonly name: string;
  readonly about: string;
  readonly enter: (proxy: FaultProxy, size: number) => void;
  readonly mostMs: number;
}

const modes: readonly Mode[] = [
  { name: 'reset', about: 'reset, and refused', enter: (proxy) => proxy.cut(), mostMs: 8_000 },
  { name: 'half-open', about: 'half-open: no byte passes', enter: (proxy) => proxy.stall(), mostMs: 12_000 },
  {
    name: 'forgotten',
    about: 'forgotten by the network, and new ones work',
    enter: (proxy) => proxy.silence(),
    mostMs: 8_000,
  },
  {
    name: 'replies',
    about: 'without their answers, while requests arrive',
    enter: (proxy) => proxy.dropReplies(),
    mostMs: 6_000,
  },
  {
    name: 'delay',
    about: 'delayed by 20 to 500 ms',
    enter: (proxy, size) => proxy.delay(20 + size * 480),
    mostMs: 10_000,
  },
];

/** Faults of the network between processes and one of their servers. The servers and everything else work. */
export const networkFaults: readonly Fault[] = (['broker', 'database'] as const).flatMap((to) =>
  modes.map(({ name, about, enter, mostMs }) =>
    fault({
      name: `network-${to}-${name}`,
      about: `connections of processes to the ${to} are ${about}`,
      needs: ['links'],
      holdMs: [200, mostMs],
      inject: ({ links }, { size, pick }) => {
        const hit = chosen(
          links.filter((link) => link.to === to),
          pick,
        );
        for (const { proxy } of hit) enter(proxy, size);
        const repair = (): void => {
          for (const { proxy } of hit) proxy.restore();
        };
        return Promise.resolve({ what: namesOf(hit) || 'no such network', repair });
      },
    }),
  ),
);
