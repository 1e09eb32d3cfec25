import { PARKED_STATES } from '@convergekit/inbox/operate';
import { z } from 'zod';

/** A parked event, as its page and the API show it. */
export const parkedEventSchema = z.object({
  database: z.string(),
  id: z.string(),
  consumer: z.string(),
  handler: z.string(),
  topic: z.string(),
  partition: z.number(),
  offset: z.string(),
  key: z.string(),
  eventId: z.string().nullable(),
  type: z.string().nullable(),
  state: z.enum(PARKED_STATES),
  run: z.number(),
  category: z.string().nullable(),
  certainty: z.string().nullable(),
  code: z.string().nullable(),
  reason: z.string().nullable(),
  parkedAt: z.date(),
  nextAt: z.date().nullable(),
  failureEvent: z.string().nullable(),
  /** Why a retry is refused. */
  closed: z.string().nullable(),
  note: z.string().nullable(),
  headers: z.array(z.object({ name: z.string(), value: z.string() })),
  /** The payload as far as the console may show it; absent: nothing of it. */
  payload: z.string().optional(),
  /** What an operator put in its place, as far as it may be shown. */
  edited: z.string().optional(),
  attempts: z.array(
    z.object({
      number: z.number(),
      at: z.string(),
      durationMs: z.number(),
      category: z.string(),
      certainty: z.string(),
      code: z.string(),
      message: z.string(),
      outcome: z.string(),
    }),
  ),
  audit: z.array(z.object({ at: z.date(), act: z.string(), by: z.string(), reason: z.string() })),
});
export type ParkedEvent = z.output<typeof parkedEventSchema>;
