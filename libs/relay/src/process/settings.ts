/** The settings of processes that run relays. This module loads neither Postgres nor a broker. */
import { z } from 'zod';

const milliseconds = z.number().int().positive();

/** The settings of an outbox, under `outbox`. */
export const outboxSettings = z.object({
  /** Bytes of events that may wait to be published, with indexes. @default no limit */
  maxBytes: z.number().int().min(1_048_576).optional(),
  /**
   * The reaction at the limit: only an alarm, or emits are refused (OUTBOX_FULL) until events have left. @default
   * 'alarm'
   */
  whenFull: z.enum(['alarm', 'refuse']).default('alarm'),
});

/** The settings of a process that runs relays, under `relay`. */
export const relaySettings = z
  .object({
    poll: z
      .object({
        /** Pause between polls while events come in, in milliseconds. @default 1 */
        minMs: milliseconds.optional(),
        /** Pause of an idle relay that may have writers without notifications, in milliseconds. @default 20 */
        maxMs: milliseconds.optional(),
        /** Pause of an idle relay whose writers all notify it, in milliseconds. @default 1_000, or maxMs if longer */
        idleMs: milliseconds.max(29_999).optional(),
      })
      .prefault({}),
    /** Longer than a renewal and the stop before its end together. @default 5_000 */
    leaseMs: milliseconds.min(3_001).optional(),
    /**
     * The minimum time an event stays in the outbox, in milliseconds; an unpublished one stays anyway. @default
     * 86_400_000, a day
     */
    retainMs: milliseconds.optional(),
    /** The time the answer to a request key is kept, in milliseconds. @default 604_800_000, a week */
    retainRequestsMs: milliseconds.optional(),
    /** The number of events in a child of the outbox: a whole child is removed at once. @default 1_000_000 */
    childEvents: z.number().int().positive().optional(),
    /**
     * The outboxes of a process that serves several, by a name for logs and readiness. They replace DATABASE_URL:
     * `CONVERGE__RELAY__SOURCES__ORDERS=postgres://…`, or in YAML `relay: { sources: { orders: postgres://… } }`.
     */
    sources: z.record(z.string(), z.string()).default({}),
    /**
     * The secret that signs every record of this outbox: 32 bytes at least (docs/guides/trust.md), best from a file
     * (`…_FILE`). @default none
     */
    signingKey: z.string().optional(),
    /** The signing secrets of several outboxes, by the names of `sources`. @default none */
    signingKeys: z.record(z.string(), z.string()).default({}),
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

/** The settings that the relay of a process reads. */
export interface RelayProcessSettings {
  readonly relay: z.output<typeof relaySettings>;
  readonly outbox: z.output<typeof outboxSettings>;
}
