import type { Database } from '@convergekit/postgres';
import { sqlState } from '@convergekit/postgres/engine';
import type { Clock, Random } from '@convergekit/core';
import { drive } from '../../drive.ts';
import { reasonOf } from '../../../programs.ts';
import { endOrphans, runTransaction } from './transactions.ts';
import { planTransaction } from './plan.ts';
import type { Source } from './world.ts';

/** The maximum of concurrent transactions; excess ones are left out, as by an exhausted pool. */
const AT_ONCE = 24;
const LOOK_FOR_ORPHANS_MS = 3_000;

/**
 * The SQLSTATEs that a server may answer while it stops or starts, or for a deadlock. Any other one needs an
 * explanation.
 */
const expected = new Set(['40P01', '55P03', '57P01', '57P02', '57P03', '57014', '53300', '25P03']);

/** Writes to one source at a steady rate, whatever happens to it. */
export class Writers {
  /** The number of transactions that were acknowledged. */
  committed = 0;
  readonly surprises: string[] = [];
  leftOut = 0;
  /** True when commits do not wait for the disk: a crash of Postgres then undoes part of a second. */
  relaxed = false;
  readonly #source: Source;
  readonly #perSecond: number;
  readonly #random: Random;
  readonly #clock: Clock;
  #open = 0;
  #lonely: ReadonlyMap<string, readonly string[]> = new Map();

  constructor(source: Source, perSecond: number, random: Random, clock: Clock) {
    this.#source = source;
    this.#perSecond = perSecond;
    this.#random = random;
    this.#clock = clock;
  }

  /** Writes for this time, or until the signal. Resolves when every transaction has ended, in one way or the other. */
  async run(seconds: number, signal: AbortSignal): Promise<void> {
    const { database } = this.#source;
    this.#lonely = await lonelyKeys(database);
    const over = new AbortController();
    const ending = this.#endOrphans(AbortSignal.any([signal, over.signal]));
    const load = { kind: 'rate', perSecond: this.#perSecond, seconds } as const;
    await drive({ what: 'transactions', load, clock: this.#clock, signal }, () => this.#write());
    over.abort();
    await ending;
    await endOrphans(database, 0, () => true);
  }

  lonelyKey(topic: string, index: number): string {
    const keys = this.#lonely.get(topic) ?? [];
    return keys[index % keys.length] ?? 'lonely';
  }

  async #write(): Promise<void> {
    if (this.#open >= AT_ONCE) {
      this.leftOut += 1;
      return;
    }
    const { mainTopic: main, sideTopic: side, database } = this.#source;
    const lonelyKey = (topic: string, index: number): string => this.lonelyKey(topic, index);
    const planned = planTransaction(this.#random, { main, side, lonelyKey });
    this.#open += 1;
    try {
      await runTransaction(database, planned, this.#clock, this.relaxed);
      this.committed += 1;
    } catch (error) {
      const state = sqlState(error);
      if (state !== undefined && !expected.has(state) && this.surprises.length < 10)
        this.surprises.push(`${planned.kind}: ${state} ${reasonOf(error)}`);
    } finally {
      this.#open -= 1;
    }
  }

  async #endOrphans(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#clock.sleep(LOOK_FOR_ORPHANS_MS, signal);
      await endOrphans(this.#source.database, 5_000, () => this.#random() < 0.7);
    }
  }
}

async function lonelyKeys(database: Database): Promise<ReadonlyMap<string, readonly string[]>> {
  const { rows } = await database.executor.query<{ topic: string; keys: string[] }>(
    `select topic, array_agg(key order by key) as keys from soak.counter where kind = 'lonely' group by topic`,
  );
  return new Map(rows.map(({ topic, keys }) => [topic, keys]));
}
