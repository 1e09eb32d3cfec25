import { type SagaFilter, STATE_CHOICES, whereOf } from '@convergekit/operate/saga';
import { INSTANCE_STATES, type InstanceSearch } from '@convergekit/saga/operate';
import { z } from 'zod';
import { readCursor } from '../cursor.ts';

export const searchSchema = z.object({
  state: z.enum(STATE_CHOICES).optional(),
  saga: z.string().optional(),
  step: z.string().optional(),
  attempts: z.coerce.number().int().min(1).max(1_000_000).optional(),
  older: z.string().optional(),
  reason: z.string().max(200).optional(),
  key: z.string().optional(),
  id: z.string().optional(),
  trace: z.string().optional(),
  after: z.string().optional(),
} satisfies Record<keyof SagaFilter | 'after', z.ZodType>);
export type SagaSearch = z.output<typeof searchSchema>;

const cursor = z.object({
  state: z.enum(INSTANCE_STATES),
  changedAt: z.string().regex(/^\d{1,18}$/),
  saga: z.string(),
  instance: z.string(),
});

/** Returns the search of one page (pure). `instances`: those of which a step is open, where the search asks for it. */
export const searchOf = (
  search: SagaSearch,
  instances: readonly string[] | undefined,
  { now, limit }: { readonly now: number; readonly limit: number },
): InstanceSearch => ({
  ...whereOf(search, instances, now),
  after: readCursor(search.after, cursor),
  limit,
});
