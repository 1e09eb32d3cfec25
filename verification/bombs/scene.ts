import { defineEvent } from '@convergekit/contracts';
import { z } from 'zod';

export const KEY = 'k';

export interface BombDb {
  seen: { n: number };
}

/** What a process used: the longest block of its event loop, and the most memory. */
export interface Used {
  readonly blockedMs: number;
  readonly rssMb: number;
}

export const countedOn = (topic: string) =>
  defineEvent('test.counted', {
    version: 1,
    topic,
    key: () => KEY,
    data: z.object({ n: z.int() }),
  });
