import type { Database } from '@convergekit/postgres';
import { sqlState } from '@convergekit/postgres/engine';
import type { Clock, Random } from '@convergekit/core';
import { endOrphans, runTransaction } from './transactions.ts';
import { planTransaction, type PlannedTransaction, transactionKinds, type TransactionKind } from './plan.ts';
import type { Source } from './world.ts';

/** The maximum of concurrent transactions; excess ones are left out, as by an exhausted pool. */
const AT_ONCE = 24;
const EVERY_MS = 10;
const LOOK_FOR_ORPHANS_MS = 3_000;

/**
 * The SQLSTATEs that a server may answer while it stops or starts, or for a deadlock. Any other one needs an
 * explanation.
 */
const expected = new Set(['40P01', '55P03', '57P01', '57P02', '57P03', '57014', '53300', '25P03']);

/** Writes to one source at a steady rate, whatever happens to it. */
export class Writers {
  readonly committed = Object.fromEntries(transactionKinds.map((kind) => [kind, 0])) as Record<
    TransactionKind,
    number
  >;
  /** The counts of failures by SQLSTATE or error code. */
  readonly failed = new Map<string, number>();
  readonly surprises: string[] = [];
  leftOut = 0;
  /** True when commits do not wait for the disk: a crash of Postgres then undoes part of a second. */
  relaxed = false;
  readonly #source: Source;
  readonly #perSecond: number;
  readonly #random: Random;
  readonly #clock: Clock;
  readonly #stop = new AbortController();
  readonly #open = new Set<Promise<void>>();
  #lonely: ReadonlyMap<string, readonly string[]> = new Map();
  #running: Promise<unknown> = Promise.resolve();

  constructor(source: Source, perSecond: number, random: Random, clock: Clock) {
    this.#source = source;
    this.#perSecond = perSecond;
    this.#random = random;
    this.#clock = clock;
  }

  async start(): Promise<void> {
    this.#lonely = await lonelyKeys(this.#source.database);
    this.#running = Promise.all([this.#write(), this.#endOrphans()]);
  }

  /** Resolves when every transaction has ended, in one way or the other. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await Promise.all(this.#open);
    await endOrphans(this.#source.database, 0, () => true);
  }

  lonelyKey(topic: string, index: number): string {
    const keys = this.#lonely.get(topic) ?? [];
    return keys[index % keys.length] ?? 'lonely';
  }

  async #write(): Promise<void> {
    const { signal } = this.#stop;
    let last = this.#clock.monotonic();
    let due = 0;
    while (!signal.aborted) {
      await this.#clock.sleep(EVERY_MS, signal);
      const now = this.#clock.monotonic();
      due += ((now - last) * this.#perSecond) / 1_000;
      last = now;
      for (; due >= 1; due -= 1) {
        if (this.#open.size >= AT_ONCE) this.leftOut += 1;
        else this.#begin();
      }
    }
  }

  #begin(): void {
    const { mainTopic: main, sideTopic: side, database } = this.#source;
    const planned = this.#withKeys(planTransaction(this.#random, { main, side }));
    const one: Promise<void> = runTransaction(database, planned, this.#clock, this.relaxed)
      .then(
        () => void (this.committed[planned.kind] += 1),
        (error: unknown) => this.#fail(planned, error),
      )
      .finally(() => this.#open.delete(one));
    this.#open.add(one);
  }

  #withKeys(planned: PlannedTransaction): PlannedTransaction {
    return {
      ...planned,
      events: planned.events.map((event) => {
        const index = /^lonely:(\d+)$/.exec(event.key)?.[1];
        return index === undefined ? event : { ...event, key: this.lonelyKey(event.topic, Number(index)) };
      }),
    };
  }

  #fail({ kind }: PlannedTransaction, error: unknown): void {
    const state = sqlState(error);
    const code = state ?? 'connection';
    this.failed.set(code, (this.failed.get(code) ?? 0) + 1);
    if (state !== undefined && !expected.has(state) && this.surprises.length < 10)
      this.surprises.push(`${kind}: ${state} ${error instanceof Error ? error.message : String(error)}`);
  }

  async #endOrphans(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#clock.sleep(LOOK_FOR_ORPHANS_MS, signal);
      // The database may be down: then the next look.
      await endOrphans(this.#source.database, 5_000, () => this.#random() < 0.7).catch(() => 0);
    }
  }
}

async function lonelyKeys(database: Database): Promise<ReadonlyMap<string, readonly string[]>> {
  const { rows } = await database.executor.query<{ topic: string; keys: string[] }>(
    `select topic, array_agg(key order by key) as keys from soak.counter where kind = 'lonely' group by topic`,
  );
  return new Map(rows.map(({ topic, keys }) => [topic, keys]));
}
