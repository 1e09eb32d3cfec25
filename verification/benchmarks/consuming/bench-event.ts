import { defineEvent, type EventDefinition } from '@convergekit/contracts';
import { z } from 'zod';

export interface BenchData {
  readonly n: number;
  readonly filler: string;
}

/** Defines the event that `PAYLOAD_SQL` writes. */
export function benchEvent(topic: string): EventDefinition<'bench.event', BenchData, BenchData> {
  return defineEvent({
    type: 'bench.event',
    version: 1,
    topic,
    key: ({ n }) => `key-${n % 1000}`,
    data: z.object({ n: z.int(), filler: z.string() }),
  });
}
