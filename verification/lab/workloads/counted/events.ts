import { defineEvent } from '@convergekit/contracts';
import { type ConsumerDefinition, defineConsumer } from '@convergekit/inbox';
import { createOutbox } from '@convergekit/outbox';
import { z } from 'zod';

/** The topic of the workload's events. */
export const TOPIC = 'drill.counted';
export const PARTITIONS = 3;

export const counted = defineEvent(TOPIC, {
  version: 1,
  topic: TOPIC,
  key: ({ key }: { key: string; n: number }) => key,
  data: z.object({ key: z.string(), n: z.int() }),
});
export const outbox = createOutbox([counted]);

/** The table that a consumer of the workload writes: one row for each effect, in the order of their transactions. */
export interface EffectDb {
  effect: { line?: number; event_id: string; key: string; n: number };
}

/** A consumer that writes one effect for each event. */
export function effectConsumer(name: string): ConsumerDefinition<EffectDb> {
  return defineConsumer<EffectDb>(name, { from: 'first' }).on(counted, async ({ id, data }, { tx }) => {
    await tx.insertInto('effect').values({ event_id: id, key: data.key, n: data.n }).execute();
  });
}
