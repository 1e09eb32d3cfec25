import {
  type DetachOptions,
  listChildren,
  oldRequests,
  removeChildren,
  type RemovedChildren,
} from '@convergekit/outbox/engine';
import { removeOld } from '@convergekit/postgres/engine';
import { messageOf, poll } from '@convergekit/core/engine';
import type { Fence } from '../leader/takeover-sql.ts';
import type { Log, RelayDatabase } from '../ports.ts';
import { childrenToDetach, keepTicksFrom, lowestRetained } from './decision.ts';
import { deleteTicks, readHorizon, readLastBefore } from './retention-sql.ts';
import type { RetentionSettings } from './settings.ts';
import type { Leadership } from '../leader/leadership.ts';

/** The result of one run. */
export interface RetentionCounts extends RemovedChildren {
  readonly ticks: number;
  readonly requests: number;
}

export interface RetentionParts extends Omit<DetachOptions, 'waitMs' | 'signal'> {
  readonly database: RelayDatabase;
  readonly fence: Fence;
  readonly settings: RetentionSettings;
  readonly signal: AbortSignal;
}

/** Removes old data: whole children of the outbox, ticks that no retained row needs, old request keys. */
export class Retention {
  readonly #parts: RetentionParts;
  /** The lowest remaining tick, except those that cursors name. */
  #ticksFrom = 0n;

  constructor(parts: RetentionParts) {
    this.#parts = parts;
  }

  async runOnce(): Promise<RetentionCounts> {
    const { database, fence, settings, clock, random, signal } = this.#parts;
    const { executor } = database;
    const horizon = await readHorizon(executor, fence, settings.retainMs);
    if (horizon === undefined) return { children: [], ticks: 0, requests: 0, waiting: undefined };
    const finished = childrenToDetach(await listChildren(executor), horizon);
    const patience = { waitMs: settings.waitMs, clock, random, signal };
    const { children, waiting } = await removeChildren(database, fence, finished, patience);
    const orders = await readLastBefore(executor, horizon.sent, lowestRetained(await listChildren(executor)));
    const ticks = await this.#deleteTicks(keepTicksFrom(horizon, orders));
    return { children, waiting, ticks, requests: await this.#forgetRequests() };
  }

  async #deleteTicks(below: bigint): Promise<number> {
    const { database, fence, settings, signal } = this.#parts;
    let deleted = 0;
    while (!signal.aborted && this.#ticksFrom < below) {
      const range = { from: this.#ticksFrom, below, limit: settings.batchRows };
      const { ticks, last } = await deleteTicks(database.executor, fence, range);
      deleted += ticks;
      this.#ticksFrom = ticks < settings.batchRows || last === undefined ? below : last + 1n;
    }
    return deleted;
  }

  #forgetRequests(): Promise<number> {
    const { database, settings, signal } = this.#parts;
    const { retainRequestsMs: keepMs, batchRows: limit } = settings;
    return removeOld(database.executor, oldRequests, { keepMs, limit, signal });
  }
}

/** Runs retention while this relay leads. Never rejects: what cannot go now stays, and publishing does not wait for it. */
export async function retentionLoop({ ending, fence, settings }: Leadership): Promise<void> {
  const { retention, database, clock, random, log } = settings;
  if (retention === false) return;
  const { signal } = ending;
  const { everyMs } = retention;
  const runs = new Retention({ database, fence, settings: retention, clock, random, signal });
  let trouble: string | undefined;
  const run = async (): Promise<void> => {
    report(log, await runs.runOnce());
    trouble = undefined;
  };
  const onError = (error: unknown): void => {
    const text = messageOf(error);
    // A reason is logged once: a missing permission would be logged every few seconds.
    if (trouble !== text)
      log.warn({ err: error }, `retention failed: ${text}. Old rows stay; it is tried again.`);
    trouble = text;
  };
  await poll({ everyMs, signal, onError, clock, random, run });
}

function report(log: Log, { children, ticks, requests, waiting }: RetentionCounts): void {
  if (children.length > 0) log.info({ children, ticks, requests }, 'old events were removed from the outbox');
  else if (ticks + requests > 0) log.debug({ ticks, requests }, 'old ticks and request keys were deleted');
  if (waiting !== undefined)
    log.debug({ child: waiting }, 'a child of the outbox waits for transactions that use the table');
}
