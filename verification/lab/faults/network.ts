import type { FaultProxy } from '@convergekit/testing';
import { type Fault, fault } from '../types.ts';
import { chosen, namesOf } from './choose.ts';

type Mode = readonly [
  name: string,
  about: string,
  enter: (proxy: FaultProxy, size: number) => void,
  mostMs: number,
];

const modes: readonly Mode[] = [
  ['reset', 'reset, and refused', (proxy) => proxy.cut(), 8_000],
  ['half-open', 'half-open: no byte passes', (proxy) => proxy.stall(), 12_000],
  ['forgotten', 'forgotten by the network, and new ones work', (proxy) => proxy.silence(), 8_000],
  ['replies', 'without their answers, while requests arrive', (proxy) => proxy.dropReplies(), 6_000],
  ['delay', 'delayed by 20 to 500 ms', (proxy, size) => proxy.delay(20 + size * 480), 10_000],
];

/** Faults of the network between processes and one of their servers. The servers and everything else work. */
export const networkFaults: readonly Fault[] = (['broker', 'database'] as const).flatMap((to) =>
  modes.map(([name, about, enter, mostMs]) =>
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
        if (hit.length === 0) return undefined;
        for (const { proxy } of hit) enter(proxy, size);
        const repair = (): void => {
          for (const { proxy } of hit) proxy.restore();
        };
        return { what: namesOf(hit), repair };
      },
    }),
  ),
);
