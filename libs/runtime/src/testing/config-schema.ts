import { z } from 'zod';

/** A configuration with a place of every kind. */
export const schema = z.object({
  database: z.object({
    url: z.string().startsWith('postgres://').optional(),
    host: z.string().optional(),
    port: z.int().min(1).max(65_535).default(5432),
    password: z.string().min(5).optional(),
  }),
  kafka: z.object({ brokers: z.array(z.string().regex(/:\d+$/)).min(1).default(['localhost:9092']) }),
  log: z.object({ level: z.enum(['debug', 'info', 'warn']).default('info') }),
  relay: z.object({
    enabled: z.boolean().default(true),
    ratio: z.number().nonnegative().default(0.5),
    limit: z.bigint().optional(),
    mode: z.union([z.literal('auto'), z.int()]).default('auto'),
    poll: z
      .object({ minMs: z.number().nonnegative().default(1), maxMs: z.number().nonnegative().default(20) })
      .refine(({ minMs, maxMs }) => minMs <= maxMs, { error: 'minMs is above maxMs', path: ['minMs'] })
      .prefault({}),
  }),
  policies: z
    .record(z.string(), z.object({ attempts: z.int().positive(), factor: z.number().default(2) }))
    .default({}),
});
