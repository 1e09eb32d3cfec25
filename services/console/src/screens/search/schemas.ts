import { PARKED_STATES } from '@convergekit/inbox/operate';
import { INSTANCE_STATES } from '@convergekit/saga/operate';
import { z } from 'zod';
import { unreadSchema } from '../../databases.ts';

const text = z.string();
const maybe = z.string().nullable();
const database = z.string();

export const historySchema = z.object({
  head: text,
  rows: z.array(z.tuple([text, text, text])),
  end: text,
  /** The databases that it was read from, and those that it names besides. */
  given: z.array(text),
});

export const actSchema = z.object({
  at: z.date(),
  by: text,
  act: text,
  subject: text,
  what: text,
  reason: text,
  database,
});

export const searchSchema = z.object({
  query: text,
  kind: z.enum(['id', 'trace', 'position', 'key', 'none']),
  /** Why the key is not done, the most pressing reason first. */
  why: z.array(z.object({ needs: z.boolean(), text, href: z.string().optional() })),
  /** In the outboxes. `replayOf`: the event that this one repeats, by an operator's act. */
  events: z.array(
    z.object({
      row: text,
      eventId: text,
      topic: text,
      key: text,
      type: text,
      at: z.date(),
      published: z.boolean(),
      replayOf: maybe,
      database,
    }),
  ),
  parked: z.array(
    z.object({
      id: text,
      consumer: text,
      handler: text,
      topic: text,
      key: text,
      eventId: maybe,
      state: z.enum(PARKED_STATES),
      category: maybe,
      code: maybe,
      reason: maybe,
      since: z.date(),
      nextAt: z.date().nullable(),
      database,
    }),
  ),
  open: z.array(
    z.object({
      kind: z.enum(['step', 'call']),
      name: text,
      id: text,
      step: maybe,
      state: text,
      reason: maybe,
      since: z.date(),
      database,
    }),
  ),
  sagas: z.array(
    z.object({
      saga: text,
      instance: text,
      key: text,
      state: z.enum(INSTANCE_STATES),
      reason: maybe,
      startedAt: z.date().nullable(),
      changedAt: z.date(),
      database,
    }),
  ),
  drift: z.array(
    z.object({
      reconciler: text,
      key: text,
      state: text,
      reason: maybe,
      nextAt: z.date().nullable(),
      database,
    }),
  ),
  acts: z.array(actSchema),
  /** Of an event: everything that happened to it. */
  history: historySchema.optional(),
  /** The newest rows of each outbox that were searched, where that is not by an index. */
  searchedRows: z.number().optional(),
  hasLog: z.boolean(),
  unread: unreadSchema,
});

export type SearchAnswer = z.output<typeof searchSchema>;
