import type { Clock } from '@convergekit/core';
import type { Database, Executor } from '@convergekit/postgres';
import type { Operator } from '@convergekit/postgres/operate';
import { InboxError } from '../errors.ts';
import type { ParkedState } from '../park/parked-row.ts';
import type { AfterCompensation } from './contradiction.ts';
import { retryParked } from './parked.ts';
import { type ParkedFilter, retriedFilter } from './parked-filter.ts';
import { listParked, type ParkedCursor, type ParkedSummary } from './parked-list.ts';
import { nextRetry, type RetryCounts, SILENCE_MS, silenceText } from './retry-decision.ts';
import { parkedBy, readAfterRetry } from './retry-plan-sql.ts';

interface RetryAllOptions extends AfterCompensation {
  readonly filter: ParkedFilter;
  readonly operator: Operator;
  /** Events a second, at most. */
  readonly rate: number;
  /** Ends when more than so many percent of the outcomes are failures. @default outcomes are not awaited */
  readonly stopAtPercent?: number | undefined;
  readonly clock: Clock;
  /** Ends the retry between two events. */
  readonly signal?: AbortSignal | undefined;
  /** Ends when no outcome came for so long, in milliseconds. @default 60_000 */
  readonly silenceMs?: number;
  /** Is called once, when outcomes are awaited for the first time: `pending` events have none yet. */
  readonly onWait?: (wait: { readonly pending: number; readonly limitMs: number }) => void;
  /** Is called after each event, and when outcomes come in. */
  readonly onProgress?: (counts: RetryCounts) => void;
  /** Is called for each event. `result`: `run`, `due`, or why it was refused. */
  readonly onEvent?: (id: string, result: string) => void;
}

interface RetriedAll extends RetryCounts {
  /** The reason why it ended before the last event. */
  readonly stopped?: string;
  /** The reason why it ended before the outcomes of the last events that it awaited. */
  readonly unanswered?: string;
}

const PAGE = 200;
/** Outcomes are read after so many events, and while they are awaited. */
const LOOK_EVERY = 10;
const LOOK_MS = 250;

/**
 * Retries all matching events, each in a transaction of its own with its audit row, in the order of parking. What is parked
 * after the beginning is left alone, and an event that fails again is not retried again. A repeat continues after a stop,
 * since what was retried no longer matches.
 */
export async function retryAll(
  database: Pick<Database, 'acquire' | 'executor'>,
  options: RetryAllOptions,
): Promise<RetriedAll> {
  const { filter, rate, stopAtPercent, clock, signal, silenceMs = SILENCE_MS } = options;
  const { onProgress, onEvent, onWait } = options;
  const { executor } = database;
  const outcomes = new RetryOutcomes(executor);
  let waited = false;
  const report = (): void => onProgress?.(outcomes.counts());
  for await (const line of lines(database, filter)) {
    const stopped = await clearance();
    if (stopped !== undefined) return { ...outcomes.counts(), stopped };
    const result = await retryOne(database, line.id, options);
    outcomes.note(line, result);
    onEvent?.(line.id, result);
    report();
    await clock.sleep(1_000 / rate, signal);
  }
  if (stopAtPercent === undefined) return outcomes.counts();
  await settle();
  const counts = outcomes.counts();
  const { pending } = counts;
  return { ...counts, ...(pending > 0 && { unanswered: silenceText(pending, { limitMs: silenceMs }) }) };

  /** Waits until one more event may be retried. Returns why none may. */
  async function clearance(): Promise<string | undefined> {
    const silent = silenceOf(clock);
    for (let looked = false; ; looked = true) {
      if (signal?.aborted === true) return 'it was cancelled';
      const { sent } = outcomes.counts();
      if (looked || (stopAtPercent !== undefined && sent % LOOK_EVERY === 0)) await outcomes.look();
      const counts = outcomes.counts();
      const next = nextRetry(counts, stopAtPercent, { ms: silent(counts), limitMs: silenceMs });
      if (next.kind === 'send') return undefined;
      if (next.kind === 'stop') return next.why;
      await untilNextLook();
    }
  }

  /** Awaits the outcomes of the last events, as long as some come. */
  async function settle(): Promise<void> {
    const silent = silenceOf(clock);
    for (await outcomes.look(); outcomes.counts().pending > 0; await outcomes.look()) {
      if (signal?.aborted === true || silent(outcomes.counts()) >= silenceMs) break;
      await untilNextLook();
    }
    report();
  }

  async function untilNextLook(): Promise<void> {
    report();
    if (!waited) onWait?.({ pending: outcomes.counts().pending, limitMs: silenceMs });
    waited = true;
    await clock.sleep(LOOK_MS, signal);
  }
}

/** Makes the function that returns for how long no outcome has come, in milliseconds. */
function silenceOf(clock: Clock): (counts: RetryCounts) => number {
  let known = -1;
  let since = 0;
  return ({ applied, failed }) => {
    if (applied + failed !== known) since = clock.monotonic();
    known = applied + failed;
    return clock.monotonic() - since;
  };
}

async function* lines(
  { executor }: Pick<Database, 'executor'>,
  filter: ParkedFilter,
): AsyncGenerator<ParkedSummary> {
  const now = await parkedBy(executor);
  const until = filter.until === undefined || filter.until > now ? now : filter.until;
  let after: ParkedCursor | undefined;
  for (;;) {
    const page = await listParked(executor, { ...retriedFilter(filter), until }, PAGE, after);
    yield* page;
    after = page.at(-1)?.cursor;
    if (page.length < PAGE) return;
  }
}

/** An event that was applied meanwhile, or waits behind another, is reported and passed. */
async function retryOne(
  database: Pick<Database, 'acquire'>,
  id: string,
  { operator, ...how }: RetryAllOptions,
): Promise<string> {
  try {
    return await retryParked(database, id, operator, how);
  } catch (error) {
    if (error instanceof InboxError && error.code.startsWith('PARKED_')) return error.message;
    throw error;
  }
}

/** Taken out meanwhile, by an operator or by its saga: neither applied nor failed. */
const WITHDRAWN: ReadonlySet<ParkedState> = new Set(['skipped', 'superseded', 'replaced']);

/** Follows what becomes of retried events, in memory that is bounded by those without an outcome. */
class RetryOutcomes {
  readonly #executor: Executor;
  /** Those without an outcome, with the tries that they had. */
  readonly #pending = new Map<string, number>();
  readonly #known = { sent: 0, refused: 0, applied: 0, failed: 0 };

  constructor(executor: Executor) {
    this.#executor = executor;
  }

  /** Notes a retry. `result`: as `retryAll` reports it. */
  note({ id, tries }: Pick<ParkedSummary, 'id' | 'tries'>, result: string): void {
    const sent = result === 'run' || result === 'due';
    this.#known[sent ? 'sent' : 'refused'] += 1;
    if (sent) this.#pending.set(id, result === 'run' ? 0 : tries);
  }

  /** Reads the outcomes of what is pending: gone is applied, a dead letter or a further try is a failure. */
  async look(): Promise<void> {
    if (this.#pending.size === 0) return;
    const rows = await readAfterRetry(this.#executor, [...this.#pending.keys()]);
    const known = new Map(rows.map((row) => [row.id, row]));
    for (const [id, tries] of this.#pending) {
      const row = known.get(id);
      if (row?.state === 'waiting' && row.tries <= tries) continue;
      this.#pending.delete(id);
      if (row === undefined) this.#known.applied += 1;
      else if (!WITHDRAWN.has(row.state)) this.#known.failed += 1;
    }
  }

  counts(): RetryCounts {
    return { ...this.#known, pending: this.#pending.size };
  }
}
