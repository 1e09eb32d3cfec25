import { type Database, withTransaction } from '@convergekit/postgres';
import type { Clock, Random } from '@convergekit/core';
import { logger } from '@convergekit/telemetry';
import { forgetAttempts } from '../attempt/attempt-sql.ts';
import { forgetEnded } from '../park/parked-sql.ts';
import type { Admin } from '@convergekit/kafka';
import { type Below, readBelow, readSlotsDue, turnSlots } from '../slice/foreign-slot-sql.ts';

export interface Forgetting {
  readonly database: Pick<Database, 'executor'>;
  readonly clock: Clock;
  readonly random: Random;
  /** Milliseconds that an attempt is kept. */
  readonly keepAttemptsMs: number;
  /** Milliseconds that a rejected, skipped or superseded event is kept. */
  readonly keepEndedMs: number;
}

export const EVERY_MS = 600_000;
const RANGE = 5_000;

/** Removes what is old until the signal, every ten minutes or so. A database that is away is asked again next time. */
export async function forgetOld(options: Forgetting, signal: AbortSignal): Promise<void> {
  const { database, clock, random, keepAttemptsMs, keepEndedMs } = options;
  const { executor } = database;
  for (;;) {
    // Members that started together do not come together.
    await clock.sleep(EVERY_MS * (0.5 + random()), signal);
    if (signal.aborted) return;
    try {
      await inRanges(() => forgetAttempts(executor, keepAttemptsMs, RANGE), signal);
      await inRanges(() => forgetEnded(executor, keepEndedMs, RANGE), signal);
    } catch (error) {
      logger('inbox').warn({ err: error }, 'old attempts and records were not removed');
    }
  }
}

/** Statement by statement, so that a long backlog holds neither locks nor a stop up for long. */
async function inRanges(forget: () => Promise<number>, signal: AbortSignal): Promise<void> {
  let removed: number;
  do removed = await forget();
  while (removed === RANGE && !signal.aborted);
}

export interface TurnForeign {
  readonly database: Pick<Database, 'executor' | 'acquire'>;
  readonly clock: Clock;
  readonly random: Random;
}

type LogAdmin = Pick<Admin, 'describeTopic' | 'logEnds'>;

/** Removes old rows of foreign events until the signal, every ten minutes or so. */
export async function turnForeign(options: TurnForeign, admin: LogAdmin, signal: AbortSignal): Promise<void> {
  const { clock, random } = options;
  const log = logger('inbox');
  const stopped = (): boolean => signal.aborted;
  let told: number | undefined;
  for (;;) {
    await clock.sleep(EVERY_MS * (0.5 + random()), signal);
    if (stopped()) return;
    try {
      const turned = await turnOnce(options, admin, signal);
      if (turned?.kind === 'turned')
        log.info({ slot: turned.slot }, 'old rows of foreign events were removed');
      if (turned?.kind === 'in_log' && told !== turned.slot) {
        told = turned.slot;
        const { slot, below, earliest } = turned;
        const { offset, ...of } = below;
        log.info(
          { slot, ...of, below: `${offset}`, earliest: `${earliest}` },
          'old rows of foreign events stay: the log still has their records',
        );
      }
    } catch (error) {
      if (!stopped()) log.warn({ err: error }, 'old rows of foreign events were not removed');
    }
  }
}

export type Turned =
  | { readonly kind: 'turned'; readonly slot: number }
  | {
      readonly kind: 'in_log';
      readonly slot: number;
      readonly below: Below;
      readonly earliest: bigint;
    };

/**
 * Empties the oldest slot when it is past its time, and no log has a record of it any more: what the broker holds is
 * looked at, not what it was told to hold. undefined: nothing was to do.
 */
export async function turnOnce(
  { database, ...options }: TurnForeign,
  admin: LogAdmin,
  signal: AbortSignal,
): Promise<Turned | undefined> {
  const due = await readSlotsDue(database.executor);
  if (due === undefined) return undefined;
  const held = await stillInLog(admin, await readBelow(database.executor, due.oldest));
  if (held !== undefined) return { kind: 'in_log', slot: due.oldest, ...held };
  if (signal.aborted) return undefined;
  const turned = await withTransaction(database, options, (tx) => turnSlots(tx, due));
  return turned ? { kind: 'turned', slot: due.oldest } : undefined;
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
      // Records of a topic that was made again are not those.
      if (place.topicId !== null && topicId !== null && place.topicId !== topicId) continue;
      const earliest = ends.find(({ partition }) => partition === place.partition)?.earliest;
      if (earliest !== undefined && earliest < place.offset) return { below: place, earliest };
    }
  }
  return undefined;
}
