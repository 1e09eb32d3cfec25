import type { Broker } from '@convergekit/broker';
import type { Database } from '@convergekit/postgres';
import type { Policies } from '@convergekit/resilience/engine';
import { policyBook, type SlowSchedule } from '@convergekit/resilience';
import { type Clock, type Random, systemClock, systemRandom } from '@convergekit/core';
import type { Backoff } from '@convergekit/core/engine';
import { defaultParking, type ParkingPolicy } from '../park/parking.ts';
import type { SignatureOptions } from '../plan/signatures.ts';
import { InboxError } from '../errors.ts';
import type { Middleware } from '../attempt/middleware.ts';

export interface ConsumerServiceOptions<DB> {
  /** The consumer's own database, with its inbox and its outbox. */
  readonly database: Database<DB>;
  /** The broker of the topics, as `openBroker` or `kafkaBroker` opens it. */
  readonly broker: Broker;
  /** The maximum of events in a transaction, of all partitions that share it. @default 500, and 1_500 for a consumer whose handlers all take batches */
  readonly sliceSize?: number;
  /** The target duration of one transaction, milliseconds; slices shrink and grow to it. @default 1_000 */
  readonly sliceMs?: number;
  /** Milliseconds for a handler to end after its time limit, when its signal aborted. @default 1_000 */
  readonly graceMs?: number;
  /** Milliseconds that a statement waits for a lock, including the fence. @default 5_000 */
  readonly lockTimeoutMs?: number;
  /**
   * The retry policies of the handlers, by the name `consumer.<consumer>.<handler>`. A policy has attempts in place,
   * their waits, and the time limit of one call (`attemptTimeoutMs`). A policy is read for each event, so that a watch
   * over the central table changes it without a restart. @default the kit's: 3 attempts within 2 s, base 50 ms, full
   * jitter, 10 s per call
   */
  readonly policies?: Policies;
  /** The parking of events that may succeed later. @default retried for a day, up to 10,000 rows or 64 MiB */
  readonly parking?: Partial<ParkingPolicy>;
  /** The sources that sign their records (`docs/guides/trust.md`). @default none: every writer of a topic is trusted */
  readonly signatures?: SignatureOptions;
  /** Middleware around every handler, inside the kit's own. @default none */
  readonly middleware?: readonly Middleware<DB>[];
  /**
   * The time without a heartbeat after which the group counts this process as dead, in milliseconds. Raise it where
   * pauses of the process are longer. @default 10_000
   */
  readonly sessionTimeoutMs?: number;
  /**
   * The period of heartbeats, in milliseconds. It must be below `sessionTimeoutMs`; a third of it or less is usual.
   * @default 1_000
   */
  readonly heartbeatIntervalMs?: number;
  /** The period in which an operator's resume, replay or fill is noticed, in milliseconds. @default 1_000 */
  readonly watchMs?: number;
  /** The period in which offsets are compared with the ends of the logs, in milliseconds. @default 10_000 */
  readonly lagEveryMs?: number;
  /**
   * The time that a partition with unhandled records may stand still without a reason before the consumer is not live,
   * in milliseconds. It must exceed the time of an event with all its attempts. @default 180_000
   */
  readonly stalledAfterMs?: number;
  /** The time attempts are kept for the history of an event, in milliseconds. @default 2_592_000_000 (30 days) */
  readonly keepAttemptsMs?: number;
  /**
   * The time closed events (rejected, skipped, superseded, replaced) are kept, with their payloads, in milliseconds. Dead letters
   * stay until an operator acts. @default 2_592_000_000 (30 days)
   */
  readonly keepEndedMs?: number;
  /**
   * The minimum time the row of a foreign event is kept, in milliseconds. A later repeat, in another record, is not
   * detected. The row stays at least as long as the event's record is in the log. @default 2_592_000_000 (30 days)
   */
  readonly keepForeignMs?: number;
  /** The clock of waits and periods; a test gives a manual one. @default the system's */
  readonly clock?: Clock;
  /** Random numbers for jitter; a test gives seeded ones. @default Math.random */
  readonly random?: Random;
}

export type ResolvedOptions<DB> = Required<
  Omit<ConsumerServiceOptions<DB>, 'sliceSize' | 'parking' | 'signatures'>
> & {
  readonly signatures?: SignatureOptions;
  readonly sliceSize?: number;
  readonly parking: ParkingPolicy;
};

const MAX_TIMER_MS = 2_147_483_647;

export function resolveOptions<DB>(options: ConsumerServiceOptions<DB>): ResolvedOptions<DB> {
  const resolved: ResolvedOptions<DB> = Object.freeze({
    sliceMs: 1_000,
    graceMs: 1_000,
    lockTimeoutMs: 5_000,
    policies: policyBook({}),
    middleware: [],
    sessionTimeoutMs: 10_000,
    heartbeatIntervalMs: 1_000,
    watchMs: 1_000,
    lagEveryMs: 10_000,
    stalledAfterMs: 180_000,
    keepAttemptsMs: 30 * 86_400_000,
    keepEndedMs: 30 * 86_400_000,
    keepForeignMs: 30 * 86_400_000,
    clock: systemClock,
    random: systemRandom,
    ...options,
    parking: Object.freeze({ ...defaultParking, ...options.parking }),
  });
  if (resolved.sliceSize !== undefined) check('sliceSize', resolved.sliceSize, 10_000);
  for (const name of [
    'lanes',
    'pollMs',
    'maxRows',
    'maxBytes',
    'maxRowsPerKey',
    'maxBytesPerKey',
    'maxInLog',
  ] as const)
    check(`parking.${name}`, resolved.parking[name], MAX_TIMER_MS);
  for (const name of ['keys', 'withinMs'] as const)
    check(`parking.systemic.${name}`, resolved.parking.systemic[name], MAX_TIMER_MS);
  for (const name of ['sliceMs', 'graceMs', 'lockTimeoutMs', 'watchMs', 'lagEveryMs'] as const)
    check(name, resolved[name], MAX_TIMER_MS);
  check('sessionTimeoutMs', resolved.sessionTimeoutMs, MAX_TIMER_MS);
  // Without a heartbeat within its session a member is put out of the group again and again.
  check('heartbeatIntervalMs', resolved.heartbeatIntervalMs, Math.max(1, resolved.sessionTimeoutMs - 1));
  checkSchedule(resolved.parking.schedule);
  for (const name of ['stalledAfterMs', 'keepAttemptsMs', 'keepEndedMs', 'keepForeignMs'] as const)
    check(name, resolved[name], Number.MAX_SAFE_INTEGER);
  return resolved;
}

/** Refuses a schedule by which an event would be retried for ever, or never: every comparison with NaN is false. */
function checkSchedule({ fast, fastAttempts, slow, withinMs }: SlowSchedule): void {
  const numbers = { fastAttempts, withinMs, ...prefixed('fast', fast), ...prefixed('slow', slow) };
  for (const [name, value] of Object.entries(numbers))
    if (!(value >= 0))
      throw new InboxError(
        'CONSUMER_INVALID',
        `consumerService: parking.schedule.${name} is ${value}, but must be a number from 0`,
      );
}

function prefixed(group: string, { baseMs, factor, capMs }: Backoff): Readonly<Record<string, number>> {
  return { [`${group}.baseMs`]: baseMs, [`${group}.factor`]: factor, [`${group}.capMs`]: capMs };
}

function check(name: string, value: number, most: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= most) return;
  throw new InboxError(
    'CONSUMER_INVALID',
    `consumerService: ${name} is ${value}, but must be a whole number from 1 to ${most}`,
  );
}
