import { z } from 'zod';

const text = z.string().optional();

export const unreadSchema = z.array(z.object({ database: z.string(), reason: z.string() }));

const itemSchema = z.object({
  kind: z.enum([
    ...([
      'saga',
      'saga_paused',
      'call',
      'workflow',
      'dead_letters',
      'parked',
      'partition',
      'consumer_paused',
      'consumer_gone',
      'gap',
      'stalled',
    ] as const),
    ...(['relay', 'worker', 'breaker', 'reconciler', 'migrations'] as const),
  ]),
  severity: z.enum(['act', 'watch']),
  alarm: z.string(),
  text: z.string(),
  since: z.date().nullable(),
  next: z.string(),
  about: z.object({
    ...{ consumer: text, topic: text, category: text, code: text },
    ...{ reconciler: text, name: text, id: text },
  }),
  database: z.string(),
});

export const attentionSchema = z.object({
  items: z.array(itemSchema),
  checkedAt: z.date(),
  databases: z.array(z.string()),
  unread: unreadSchema,
});

export type AttentionAnswer = z.output<typeof attentionSchema>;

export const alarmSchema = z.object({ name: z.string(), means: z.string(), next: z.string() });
