import { systemClock } from '@convergekit/core';
import type { Client } from 'pg';
import { type DatabaseWork, readDatabaseWork } from './database-sql.ts';
import {
  type ByGroup,
  eachGroup,
  findRoots,
  type Measured,
  readCpuMs,
  readMemoryMiB,
  type Roots,
} from './groups.ts';

export type IdleUse = ReturnType<typeof idleUse>;

export interface Reading {
  readonly atMs: number;
  readonly work: DatabaseWork;
  readonly cpuMs: ByGroup;
  /** Statements of the measuring process; they are not the side's. */
  readonly ownReads: number;
}

/** The pause before a reading, in milliseconds: sessions at work report their commits once a second. */
const SETTLE_MS = 1_200;
/** The pause after which sessions without work have reported theirs, too: they do so after ten seconds. */
const ALL_REPORTED_MS = 11_000;

interface MeterOptions extends Measured {
  /** True when pg_stat_statements counts. */
  readonly statements: boolean;
  /** The number of statements that the measuring process has sent to the side's databases. */
  readonly ownReads: () => number;
}

export class Meter {
  readonly #client: Client;
  readonly #options: MeterOptions;
  readonly #roots: Roots;

  constructor(client: Client, options: MeterOptions) {
    this.#client = client;
    this.#options = options;
    this.#roots = findRoots(options);
  }

  /** Reads when the sessions at work have reported, or all of them: without load, a few transactions count. */
  async read(reported: 'at work' | 'all' = 'at work'): Promise<Reading> {
    await systemClock.sleep(reported === 'all' ? ALL_REPORTED_MS : SETTLE_MS);
    const { statements, ownReads } = this.#options;
    const work = await readDatabaseWork(this.#client, statements);
    return { atMs: systemClock.monotonic(), work, cpuMs: readCpuMs(this.#roots), ownReads: ownReads() };
  }

  memoryMiB(): ByGroup {
    return readMemoryMiB(this.#roots);
  }

  /** Measures what is used in `ms` milliseconds without load. */
  async idle(ms: number): Promise<IdleUse> {
    const before = await this.read('all');
    await systemClock.sleep(ms);
    return idleUse(before, await this.read());
  }
}

/** Divides the use between two readings without load by their time. */
export function idleUse(before: Reading, after: Reading) {
  const took = after.atMs - before.atMs;
  const { statements, transactions, cpuMs } = perSaga(before, after, took / 1_000);
  return {
    cores: eachGroup((group) => cpuMs[group] / 1_000),
    statementsPerSecond: statements,
    transactionsPerSecond: transactions,
  };
}

/** The use of a span of load, for each saga that ended in it. */
export function perSaga(before: Reading, after: Reading, sagas: number) {
  const own = after.ownReads - before.ownReads;
  return {
    statements: (after.work.statements - before.work.statements - own) / sagas,
    transactions: (after.work.transactions - before.work.transactions) / sagas,
    walBytes: (after.work.walBytes - before.work.walBytes) / sagas,
    cpuMs: eachGroup((group) => (after.cpuMs[group] - before.cpuMs[group]) / sagas),
  };
}
