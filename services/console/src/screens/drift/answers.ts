import { z } from 'zod';

const byOperator = z.object({ at: z.date(), by: z.string(), reason: z.string() });

/** A reconciler, and its divergent keys by verdict. */
export const reconcilerSchema = z.object({
  database: z.string(),
  name: z.string(),
  held: z.object({ at: z.date(), reason: z.string() }).nullable(),
  paused: byOperator.nullable(),
  approved: z
    .object({
      repairs: z.number(),
      keys: z.array(z.string()).readonly().nullable(),
      until: z.date().nullable(),
      by: z.string(),
      reason: z.string(),
    })
    .nullable(),
  overdueSince: z.date().nullable(),
  leader: z.string().nullable(),
  lastCompletedAt: z.date().nullable(),
  /** Keys that wait with a drift. */
  pending: z.number(),
  window: z.object({ since: z.date(), repairs: z.number(), lastRunKeys: z.number() }),
  verdicts: z.array(z.object({ verdict: z.string(), keys: z.number(), oldest: z.date().nullable() })),
});

/** A field of both sides. Values are as the privacy of payloads permits; absent = that side has no such field. */
const fieldSchema = z.object({
  field: z.string(),
  desired: z.unknown(),
  actual: z.unknown(),
  lastWritten: z.unknown(),
  marks: z.array(z.string()).readonly(),
});

/** A divergent key. `compared`: when the fields were read. */
export const driftKeySchema = z.object({
  database: z.string(),
  reconciler: z.string(),
  key: z.string(),
  verdict: z.string(),
  reason: z.string().nullable(),
  since: z.date().nullable(),
  lookedAt: z.date(),
  nextAt: z.date().nullable(),
  compared: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('now'), verdict: z.string(), reason: z.string().nullable() }),
    z.object({ kind: z.literal('recorded'), at: z.date() }),
    z.object({ kind: z.literal('never') }),
  ]),
  fields: z.array(fieldSchema),
});

export const repairSchema = z.object({
  id: z.string(),
  at: z.date(),
  key: z.string().nullable(),
  verdict: z.string(),
  before: z.unknown(),
  after: z.unknown(),
  why: z.string(),
  cause: z.string(),
  actor: z.string(),
});

export type ReconcilerAnswer = z.output<typeof reconcilerSchema>;
export type DriftKeyAnswer = z.output<typeof driftKeySchema>;
export type RepairAnswer = z.output<typeof repairSchema>;
