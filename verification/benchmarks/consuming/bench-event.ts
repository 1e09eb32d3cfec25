import { defineEvent, type EventDefinition } from '@convergekit/contracts';
import { z } from 'zod';

export interface BenchData {
  readonly n: number;
  readonly filler: string;
}

/** What `PAYLOAD_SQL` writes, as its reader declares it. */
export function benchEvent(topic: string): EventDefinition<'bench.event', BenchData, BenchData> {
  return defineEvent({
    type: 'bench.event',
    version: 1,
    topic,
    key: ({ n }) => `key-${n % 1000}`,
    data: z.object({ n: z.int(), filler: z.string() }),
  });
}
