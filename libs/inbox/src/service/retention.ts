import type { Clock, Random } from '@convergekit/core';
import { poll } from '@convergekit/core/engine';
import type { Admin } from '@convergekit/broker';
import { type Database, withTransaction } from '@convergekit/postgres';
import { removeOld } from '@convergekit/postgres/engine';
import { logger } from '@convergekit/telemetry';
import { type Below, pruneSlot, readBelow, readSlotsDue } from '../slice/foreign-slot-sql.ts';

export interface Retention {
  readonly database: Pick<Database, 'executor' | 'acquire'>;
  readonly clock: Clock;
  readonly random: Random;
  /** Milliseconds that an attempt is kept. */
  readonly keepAttemptsMs: number;
  /** Milliseconds that a rejected, skipped, superseded or replaced event is kept. */
  readonly keepEndedMs: number;
}

const EVERY_MS = 600_000;
const attempts = { table: 'converge.inbox_attempt', at: 'started_at' };
/** Events that need no action. The index is the partial one, parked_ended. */
const ended = {
  table: 'converge.parked',
  at: 'changed_at',
  where: `state in ('rejected', 'skipped', 'superseded', 'replaced')`,
};

/** Removes old attempts and closed parked events every ten minutes, until the signal. */
export function removeEnded(options: Retention, signal: AbortSignal): Promise<void> {
  const { database, clock, random, keepAttemptsMs, keepEndedMs } = options;
  const { executor } = database;
  const run = async (): Promise<void> => {
    await removeOld(executor, attempts, { keepMs: keepAttemptsMs, signal });
    await removeOld(executor, ended, { keepMs: keepEndedMs, signal });
  };
  const onError = (error: unknown): void =>
    logger('inbox').warn({ err: error }, 'old attempts and records could not be removed');
  return poll({ everyMs: EVERY_MS, immediately: false, signal, run, onError, clock, random });
}

export type PruneForeign = Pick<Retention, 'database' | 'clock' | 'random'>;
type LogAdmin = Pick<Admin, 'describeTopic' | 'logEnds'>;

/** Removes old rows of foreign events every ten minutes, until the signal. */
export function pruneForeign(options: PruneForeign, admin: LogAdmin, signal: AbortSignal): Promise<void> {
  const { clock, random } = options;
  const log = logger('inbox');
  let reported: number | undefined;
  const run = async (): Promise<void> => {
    const pruned = await pruneOnce(options, admin, signal);
    if (pruned?.kind === 'pruned') log.info({ slot: pruned.slot }, 'old rows of foreign events were removed');
    if (pruned?.kind !== 'in_log' || pruned.slot === reported) return;
    const { slot, below, earliest } = pruned;
    reported = slot;
    const { offset, ...place } = below;
    log.info(
      { slot, ...place, below: `${offset}`, earliest: `${earliest}` },
      'old rows of foreign events are kept: the log still has their records',
    );
  };
  const onError = (error: unknown): void =>
    log.warn({ err: error }, 'old rows of foreign events could not be removed');
  return poll({ everyMs: EVERY_MS, immediately: false, signal, run, onError, clock, random });
}

export type Pruned =
  | { readonly kind: 'pruned'; readonly slot: number }
  | {
      readonly kind: 'in_log';
      readonly slot: number;
      readonly below: Below;
      readonly earliest: bigint;
    };

/**
 * Empties the oldest slot when it is old enough and no log has its records any more. The broker's log is read, since a
 * configured retention proves nothing. Undefined: nothing was due.
 */
export async function pruneOnce(
  { database, ...options }: PruneForeign,
  admin: LogAdmin,
  signal: AbortSignal,
): Promise<Pruned | undefined> {
  const due = await readSlotsDue(database.executor);
  if (due === undefined) return undefined;
  const held = await stillInLog(admin, await readBelow(database.executor, due.oldest));
  if (held !== undefined) return { kind: 'in_log', slot: due.oldest, ...held };
  if (signal.aborted) return undefined;
  const pruned = await withTransaction(database, options, (tx) => pruneSlot(tx, due));
  return pruned ? { kind: 'pruned', slot: due.oldest } : undefined;
}

async function stillInLog(
  admin: LogAdmin,
  below: readonly Below[],
): Promise<{ readonly below: Below; readonly earliest: bigint } | undefined> {
  for (const [topic, places] of Map.groupBy(below, (place) => place.topic)) {
    const described = await admin.describeTopic(topic);
    if (described === undefined) continue;
    const { topicId } = described;
    const ends = await admin.logEnds(topic);
    for (const place of places) {
      // A recreated topic has other records.
      if (place.topicId !== null && topicId !== null && place.topicId !== topicId) continue;
      const earliest = ends.find(({ partition }) => partition === place.partition)?.earliest;
      if (earliest !== undefined && earliest < place.offset) return { below: place, earliest };
    }
  }
  return undefined;
}
