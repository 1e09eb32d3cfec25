/** The settings of processes that run relays. This module loads neither Postgres nor a broker. */
import { z } from 'zod';

const milliseconds = z.number().int().positive();

/** The settings of an outbox, under `outbox`. */
const outboxSettings = z.object({
  maxBytes: z.number().int().min(1_048_576).optional().meta({
    description: 'The size of unpublished events, with their indexes, that counts as full.',
    unit: 'bytes',
    fallback: 'no limit',
  }),
  whenFull: z
    .enum(['alarm', 'refuse'])
    .default('alarm')
    .describe(
      'The reaction to a full outbox: only an alarm, or emits fail (OUTBOX_FULL) until events have left.',
    ),
});

const poll = z.object({
  maxMs: milliseconds.max(29_999).optional().meta({
    description: 'The pause of an idle relay that may have writers without notifications.',
    fallback: '20',
  }),
});

/** The settings of a relay, under `relay`. */
const relaySettings = z
  .object({
    poll: poll.prefault({}),
    leaseMs: milliseconds.min(3_001).optional().meta({
      description: 'The time after which a standby replaces a relay that does not answer.',
      fallback: '5000',
    }),
    retainMs: milliseconds.optional().meta({
      description:
        'The minimum time that a published event stays in the outbox; an unpublished one always stays.',
      fallback: '86400000 (a day)',
    }),
    retainRequestsMs: milliseconds.optional().meta({
      description: 'The time that the answer to a request key is kept.',
      fallback: '604800000 (a week)',
    }),
    childEvents: z.number().int().positive().max(1_000_000).optional().meta({
      description: 'The number of events in a child table of the outbox; a whole child is removed at once.',
      unit: 'events',
      fallback: '1000000',
    }),
    sources: z.record(z.string(), z.string()).default({}).meta({
      description:
        'An outbox of a relay that serves several, by a name for logs; these replace DATABASE_URL.',
      range: 'postgres://user:password@host:port/database',
    }),
    signingKey: z.string().optional().meta({
      description:
        'The secret that signs every record of this outbox, best from a file (docs/guides/trust.md).',
      range: 'text of at least 32 bytes',
    }),
    signingKeys: z.record(z.string(), z.string()).default({}).meta({
      description: 'The signing secret of one of several outboxes, by its name in relay.sources.',
      range: 'text of at least 32 bytes',
    }),
  })
  .superRefine(({ sources, signingKeys }, context) => {
    for (const name of Object.keys(signingKeys))
      if (!Object.hasOwn(sources, name))
        context.addIssue({
          code: 'custom',
          path: ['signingKeys', name],
          message: `relay.sources has no ${name}, so no outbox would be signed with this key`,
        });
  });

/** The settings of a process that runs relays, by their names. */
export const relayProcessSettings = {
  outbox: outboxSettings.prefault({}),
  relay: relaySettings.prefault({}),
} as const;

/** The settings that the relay of a process reads. */
export interface RelayProcessSettings {
  readonly relay: z.output<typeof relaySettings>;
  readonly outbox: z.output<typeof outboxSettings>;
}
