import { z } from 'zod';

export const relaySchema = z.object({
  database: z.string(),
  source: z.string(),
  epoch: z.number(),
  /** The process that leads; null = none. */
  leader: z.string().nullable(),
  /** It rises with every takeover. */
  term: z.string(),
  doneTick: z.string(),
  /** Events that are not published, of topics that flow. */
  backlog: z.number(),
  oldestMs: z.number(),
  waitingBytes: z.number(),
  perMinute: z.number(),
  held: z.array(z.object({ topic: z.string(), reason: z.string() })),
});

export const partitionSchema = z.object({
  database: z.string(),
  consumer: z.string(),
  topic: z.string(),
  partition: z.number(),
  nextOffset: z.bigint(),
  logEnd: z.bigint().nullable(),
  /** Records to the end of the log; null = not known. */
  lag: z.bigint().nullable(),
  /** The age of the newest handled event while it lags. */
  lagMs: z.number().nullable(),
  halted: z.object({ code: z.string(), reason: z.string(), at: z.date() }).nullable(),
  /** What its owner waits for, and that ends by itself. */
  waits: z.object({ code: z.string(), reason: z.string(), since: z.date() }).nullable(),
  watermarks: z.array(
    z.object({ source: z.string(), position: z.string(), newestMs: z.number().nullable() }),
  ),
  parkedKeys: z.number(),
  openGaps: z.number(),
});

export const memberSchema = z.object({
  consumer: z.string(),
  id: z.string(),
  host: z.string().optional(),
  /** The partitions that it reads, as `topic/partition`; none while the group rebalances. */
  partitions: z.array(z.string()),
});

export const gapSchema = z.object({
  database: z.string(),
  id: z.string(),
  consumer: z.string(),
  topic: z.string(),
  partition: z.number(),
  source: z.string(),
  after: z.string(),
  upTo: z.string(),
});

export type RelayAnswer = z.output<typeof relaySchema>;
export type PartitionAnswer = z.output<typeof partitionSchema>;
export type MemberAnswer = z.output<typeof memberSchema>;
export type GapAnswer = z.output<typeof gapSchema>;
