import { hostname } from 'node:os';
import { randomBytes } from 'node:crypto';
import type { Broker } from '@convergekit/broker';
import { signingKey, type SigningKey } from '@convergekit/contracts/engine';
import { ensureChildren, type LimitSettings } from '@convergekit/outbox/engine';
import { type Clock, type Random, systemClock, systemRandom } from '@convergekit/core';
import { logger } from '@convergekit/telemetry';
import type { PollSettings } from './window/read-pace.ts';
import type { Log, RelayDatabase } from './ports.ts';
import { checkRetention, retentionDefaults, type RetentionSettings } from './retention/settings.ts';

export interface RelayOptions {
  readonly database: RelayDatabase;
  readonly broker: Broker;
  /** The value of ce_source. @default the name in converge.source */
  readonly source?: string;
  /** Signs every record (`ce_sig`): a secret of 32 bytes at least, which consumers of this source have too. @default none */
  readonly signingKey?: string;
  /** Unique to this process. @default host name, process id and a random part */
  readonly holder?: string;
  /** How often to look for new events. @default { minMs: 1, maxMs: 20, emptyBeforeSlower: 50 } */
  readonly poll?: Partial<PollSettings>;
  /** How long a leader that vanished blocks the others, milliseconds. @default 5_000 */
  readonly leaseMs?: number;
  /** How often the leader renews its lease, milliseconds. @default 1_000 */
  readonly renewMs?: number;
  /** Sending stops this long before the lease ends, so that a produce in flight returns in time, milliseconds. @default 1_500 */
  readonly stopBeforeMs?: number;
  /** How often a standby checks the lease, milliseconds. @default 250 */
  readonly standbyMs?: number;
  /** How often cursors are saved, milliseconds. @default 75 */
  readonly saveMs?: number;
  /** Cursors are saved earlier after so many events. @default 10_000 */
  readonly saveEvents?: number;
  /** Events in memory at most, read and not acknowledged. @default 20_000 */
  readonly readAheadEvents?: number;
  /** Bytes of those events at most, roughly. @default 64 MiB */
  readonly readAheadBytes?: number;
  /** Rows of one statement at most. @default 4_000 */
  readonly pageRows?: number;
  /** How soon a halted topic is checked again; doubles up to 30 times that. Milliseconds. @default 1_000 */
  readonly recheckMs?: number;
  /** How often the partition counts of flowing topics are compared, milliseconds. @default 10_000 */
  readonly verifyMs?: number;
  /** Run while leading, every `upkeepMs`. @default the outbox's ensureChildren: room ahead for new events */
  readonly upkeep?: (database: RelayDatabase, signal: AbortSignal) => Promise<unknown>;
  /** How often `upkeep` runs, milliseconds. @default 10_000 */
  readonly upkeepMs?: number;
  /** How many bytes may wait to be published, and what happens at the limit. @default no limit */
  readonly outbox?: LimitSettings;
  /** How long what was published is kept; `false` keeps everything. @default a day, request keys a week */
  readonly retention?: Partial<RetentionSettings> | false;
  /** A loop that makes no step for so long, although there is something to do, fails /livez. Milliseconds. @default 30_000 */
  readonly stalledAfterMs?: number;
  /** An event that waits so long raises the alarm `events_late`, milliseconds. @default 60_000 */
  readonly lateAfterMs?: number;
  /** How often backlog, ages and what holds retention back are looked at, milliseconds. @default 5_000 */
  readonly surveyMs?: number;
  /** How long a condition must last before its alarm is raised, milliseconds. @default each alarm's own */
  readonly alarmAfterMs?: number;
  /** @default @convergekit/telemetry's logger */
  readonly log?: Log;
  readonly clock?: Clock;
  readonly random?: Random;
  /** 16 hex digits, never the same twice. @default random */
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

/** One relay per source, and one source per database: the lease's name is a constant. */
export const LEASE = 'relay';

export function resolveOptions(options: RelayOptions): RelaySettings {
  const settings: RelaySettings = {
    database: options.database,
    broker: options.broker,
    source: options.source,
    signingKey: options.signingKey === undefined ? undefined : signingKey(options.signingKey),
    holder: options.holder ?? `${hostname()}:${process.pid}:${randomBytes(4).toString('hex')}`,
    poll: { minMs: 1, maxMs: 20, emptyBeforeSlower: 50, ...options.poll },
    leaseMs: options.leaseMs ?? 5_000,
    renewMs: options.renewMs ?? 1_000,
    stopBeforeMs: options.stopBeforeMs ?? 1_500,
    standbyMs: options.standbyMs ?? 250,
    saveMs: options.saveMs ?? 75,
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
      options.retention === false ? false : checkRetention({ ...retentionDefaults, ...options.retention }),
    stalledAfterMs: options.stalledAfterMs ?? 30_000,
    lateAfterMs: options.lateAfterMs ?? 60_000,
    surveyMs: options.surveyMs ?? 5_000,
    alarmAfterMs: options.alarmAfterMs,
    log: options.log ?? logger('relay'),
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
    nonce: options.nonce ?? (() => randomBytes(8).toString('hex')),
    lease: LEASE,
  };
  check(settings);
  return Object.freeze(settings);
}

function check(settings: RelaySettings): void {
  const { maxBytes } = settings.outbox;
  if (maxBytes !== undefined && !(Number.isSafeInteger(maxBytes) && maxBytes >= 1_048_576))
    throw new RangeError(
      `outbox.maxBytes is ${maxBytes}: it must be a whole number of bytes from 1048576 (1 MiB)`,
    );
  const { leaseMs, renewMs, stopBeforeMs, poll } = settings;
  if (!(renewMs > 0 && stopBeforeMs > 0 && renewMs + stopBeforeMs < leaseMs))
    throw new RangeError(
      `leaseMs ${leaseMs} must be longer than renewMs ${renewMs} and stopBeforeMs ${stopBeforeMs} together: otherwise sending stops between two renewals`,
    );
  if (!(poll.minMs >= 0 && poll.maxMs >= poll.minMs))
    throw new RangeError(`poll.minMs ${poll.minMs} must be between 0 and poll.maxMs ${poll.maxMs}`);
  for (const name of ['saveEvents', 'readAheadEvents', 'readAheadBytes', 'pageRows'] as const)
    if (!(settings[name] >= 1)) throw new RangeError(`${name} is ${settings[name]}: it must be at least 1`);
}
