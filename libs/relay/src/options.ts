import { hostname } from 'node:os';
import { randomBytes, randomUUID } from 'node:crypto';
import type { Broker } from '@convergekit/broker';
import { type SigningKey, signingKey } from '@convergekit/contracts/engine';
import { ensureChildren, type LimitSettings } from '@convergekit/outbox/engine';
import { type Clock, ConvergeError, type Random, systemClock, systemRandom } from '@convergekit/core';
import { logger } from '@convergekit/telemetry';
import { BUSY_MS, type PollSettings } from './window/poll-pace.ts';
import type { Log, RelayDatabase } from './ports.ts';
import { retentionDefaults, type RetentionSettings } from './retention/settings.ts';

export interface RelayOptions {
  /** The database of the outbox whose committed events it publishes. */
  readonly database: RelayDatabase;
  /** The broker to which events are published, as `openBroker` or `kafkaBroker` opens it. */
  readonly broker: Broker;
  /** The value of ce_source. @default the name in converge.source */
  readonly source?: string;
  /**
   * The secret that signs every record (`ce_sig`), 32 bytes at least, shared with the source's consumers. @default none
   */
  readonly signingKey?: string;
  /** Unique to this process. @default host name, process id and a random part */
  readonly holder?: string;
  /** The pace of polls for new events. @default { maxMs: 20, idleMs: 1_000 } */
  readonly poll?: Partial<PollSettings>;
  /** The time that a vanished leader blocks the others, in milliseconds. @default 5_000 */
  readonly leaseMs?: number;
  /** The period in which the leader renews its lease, in milliseconds. @default 1_000 */
  readonly renewMs?: number;
  /**
   * The margin before the lease's end at which sending stops, and the first time limit of a write, in milliseconds.
   * @default 2_000
   */
  readonly stopBeforeMs?: number;
  /** The period in which a standby checks the lease, in milliseconds. @default 250 */
  readonly standbyMs?: number;
  /** The period in which cursors are saved, in milliseconds. @default 1_000 */
  readonly saveMs?: number;
  /** Cursors are saved earlier after so many events. @default 10_000 */
  readonly saveEvents?: number;
  /** Events in memory at most, read and not acknowledged. @default 20_000 */
  readonly readAheadEvents?: number;
  /** Bytes of those events at most, roughly. @default 64 MiB */
  readonly readAheadBytes?: number;
  /** Rows of one statement at most. @default 4_000 */
  readonly pageRows?: number;
  /**
   * The delay before a halted topic is checked again; it doubles up to 30 times that. In milliseconds. @default 1_000
   */
  readonly recheckMs?: number;
  /** The period in which partition counts of flowing topics are compared, in milliseconds. @default 10_000 */
  readonly verifyMs?: number;
  /** Run while leading, every `upkeepMs`. @default the outbox's ensureChildren: room ahead for new events */
  readonly upkeep?: (database: RelayDatabase, signal: AbortSignal) => Promise<unknown>;
  /** The period of `upkeep`, in milliseconds. @default 10_000 */
  readonly upkeepMs?: number;
  /** The limit of bytes that wait to be published, and the reaction at the limit. @default no limit */
  readonly outbox?: LimitSettings;
  /** The retention of published events; `false` keeps everything. @default a day, request keys a week */
  readonly retention?: Partial<RetentionSettings> | false;
  /** The time without progress after which a loop with open work fails /livez. In milliseconds. @default 30_000 */
  readonly stalledAfterMs?: number;
  /** An event that waits so long raises the alarm `events_late`, milliseconds. @default 60_000 */
  readonly lateAfterMs?: number;
  /** The period of surveys of backlog, ages and blockers of retention, in milliseconds. @default 5_000 */
  readonly surveyMs?: number;
  /** The duration of a condition before its alarm is raised, in milliseconds. @default each alarm's own */
  readonly alarmAfterMs?: number;
  /** Receives halts, losses of the lease and what operators do. @default @convergekit/telemetry's logger */
  readonly log?: Log;
  /** The clock of leases and periods; a test gives a manual one. @default the system's */
  readonly clock?: Clock;
  /** Random numbers for jitter; a test gives seeded ones. @default Math.random */
  readonly random?: Random;
  /** Creates a nonce: 16 hex digits, never the same twice. @default random */
  readonly nonce?: () => string;
}

export type RelaySettings = Readonly<
  Omit<Required<RelayOptions>, 'source' | 'signingKey' | 'poll' | 'retention' | 'alarmAfterMs'> & {
    signingKey: SigningKey | undefined;
    poll: PollSettings;
    retention: RetentionSettings | false;
    source: string | undefined;
    alarmAfterMs: number | undefined;
    lease: string;
  }
>;

/** The name of the lease, a constant: one relay per source, one source per database. */
export const LEASE = 'relay';

/** Draws 64 random bits. Node draws those of many UUIDs at once; bytes alone cost a call each. */
function newNonce(): string {
  const uuid = randomUUID();
  return `${uuid.slice(0, 8)}${uuid.slice(-8)}`;
}

export function resolveOptions(options: RelayOptions): RelaySettings {
  const settings: RelaySettings = {
    database: options.database,
    broker: options.broker,
    source: options.source,
    signingKey: options.signingKey === undefined ? undefined : signingKey(options.signingKey),
    holder: options.holder ?? `${hostname()}:${process.pid}:${randomBytes(4).toString('hex')}`,
    poll: pollSettings(options),
    leaseMs: options.leaseMs ?? 5_000,
    renewMs: options.renewMs ?? 1_000,
    stopBeforeMs: options.stopBeforeMs ?? 2_000,
    standbyMs: options.standbyMs ?? 250,
    saveMs: options.saveMs ?? 1_000,
    saveEvents: options.saveEvents ?? 10_000,
    readAheadEvents: options.readAheadEvents ?? 20_000,
    readAheadBytes: options.readAheadBytes ?? 64 * 1024 * 1024,
    pageRows: options.pageRows ?? 4_000,
    recheckMs: options.recheckMs ?? 1_000,
    verifyMs: options.verifyMs ?? 10_000,
    upkeep: options.upkeep ?? (({ executor }, signal) => ensureChildren(executor, { signal })),
    upkeepMs: options.upkeepMs ?? 10_000,
    outbox: options.outbox ?? {},
    retention:
      options.retention === false ? false : Object.freeze({ ...retentionDefaults, ...options.retention }),
    stalledAfterMs: options.stalledAfterMs ?? 30_000,
    lateAfterMs: options.lateAfterMs ?? 60_000,
    surveyMs: options.surveyMs ?? 5_000,
    alarmAfterMs: options.alarmAfterMs,
    log: options.log ?? logger('relay'),
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
    nonce: options.nonce ?? newNonce,
    lease: LEASE,
  };
  check(settings);
  return Object.freeze(settings);
}

function pollSettings({ poll, stalledAfterMs = 30_000 }: RelayOptions): PollSettings {
  const { maxMs = 20 } = poll ?? {};
  const idleMs = Math.max(maxMs, Math.min(1_000, stalledAfterMs / 2));
  return { maxMs, idleMs, ...poll };
}

function check(settings: RelaySettings): void {
  const { maxBytes } = settings.outbox;
  if (maxBytes !== undefined && !(Number.isSafeInteger(maxBytes) && maxBytes >= 1_048_576))
    throw optionInvalid(
      `outbox.maxBytes is ${maxBytes}: it must be a whole number of bytes from 1048576 (1 MiB)`,
    );
  const { leaseMs, renewMs, stopBeforeMs, poll } = settings;
  if (!(renewMs > 0 && stopBeforeMs > 0 && renewMs + stopBeforeMs < leaseMs))
    throw optionInvalid(
      `leaseMs ${leaseMs} must be longer than renewMs ${renewMs} and stopBeforeMs ${stopBeforeMs} together: otherwise sending stops between two renewals`,
    );
  requireLeast('poll.maxMs', poll.maxMs, BUSY_MS);
  if (!(poll.idleMs >= poll.maxMs && poll.idleMs < settings.stalledAfterMs))
    throw optionInvalid(
      `poll.idleMs is ${poll.idleMs}: it must be at least poll.maxMs ${poll.maxMs} and less than stalledAfterMs ${settings.stalledAfterMs}, after which /livez fails`,
    );
  for (const name of ['saveEvents', 'readAheadEvents', 'readAheadBytes', 'pageRows'] as const)
    requireLeast(name, settings[name], 1);
  if (settings.retention === false) return;
  const { retainMs, retainRequestsMs, everyMs, waitMs, batchRows } = settings.retention;
  for (const [name, value] of Object.entries({ retainMs, retainRequestsMs }))
    requireLeast(`retention.${name}`, value, 0);
  for (const [name, value] of Object.entries({ everyMs, waitMs, batchRows }))
    requireLeast(`retention.${name}`, value, 1);
}

function requireLeast(name: string, value: number, least: number): void {
  if (!(value >= least)) throw optionInvalid(`${name} is ${value}: it must be at least ${least}`);
}

/** The error of an option of the relay that is out of its range. The message names the range. */
function optionInvalid(what: string): ConvergeError {
  return new ConvergeError(`relay: ${what}`, {
    code: 'OPTION_INVALID',
    category: 'configuration',
    certainty: 'not_applied',
  });
}
