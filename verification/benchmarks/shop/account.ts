import { seededRandom, systemClock, systemRandom } from '@convergekit/core';
import type { Admin } from '@convergekit/broker';
import { lookAtShop, untilRest } from '../../demo/collect/rest.ts';
import { dumpEffects, dumpOutboxes } from '../../demo/collect/sql-dump.ts';
import { drive } from '../../demo/drive/driver.ts';
import { latencies } from '../../demo/show/figures.ts';
import type { World as Shop } from '../../demo/world.ts';
import { type ByGroup, eachGroup, findRoots, readCpuMs, type Roots } from '../sagas/usage/groups.ts';
import { type DatabaseWork, readDatabaseWork } from '../sagas/usage/database-sql.ts';
import { readProcesses } from '../sagas/usage/process-tree.ts';
import { withClient } from '../sides/side.ts';

/** What the shop has used so far. CPU times are in milliseconds. */
interface Reading {
  readonly atMs: number;
  readonly cpuMs: ByGroup;
  /** By name of the process. */
  readonly processMs: ReadonlyMap<string, number>;
  readonly work: DatabaseWork;
}

/** The use between two readings. */
export interface Use {
  readonly tookMs: number;
  readonly cpuMs: ByGroup;
  readonly processMs: ReadonlyMap<string, number>;
  readonly work: DatabaseWork;
}

/** A load on the shop, from its first order until the shop has no open work. */
export interface ShopLoad {
  readonly orders: number;
  readonly use: Use;
  /** From the commit of an event to that of its effect, in milliseconds. */
  readonly latenciesMs: readonly number[];
}

/** The pause before a reading, in milliseconds: sessions report their commits once a second. */
const SETTLE_MS = 1_200;
/** The time without progress after which the shop is stuck, in milliseconds. */
const STUCK_MS = 60_000;

/** Reads what the processes of a shop use, with their Postgres and Kafka, and puts load on it. */
export class ShopAccount {
  readonly #shop: Shop;
  readonly #serverUrl: string;
  readonly #admin: Admin;
  readonly #statements: boolean;
  readonly #roots: Roots;

  constructor(shop: Shop, serverUrl: string, admin: Admin, statements: boolean) {
    this.#shop = shop;
    this.#serverUrl = serverUrl;
    this.#admin = admin;
    this.#statements = statements;
    const processes = shop.children.map((child) => ({ group: 'node' as const, pid: () => child.pid ?? 0 }));
    this.#roots = findRoots(processes, true, new Set());
  }

  /** Places orders at a rate, and waits until all that follows from them has happened. */
  async load(perSecond: number, seconds: number, signal: AbortSignal): Promise<ShopLoad> {
    const before = await this.#read();
    const beganMs = systemClock.now();
    const customer = { url: this.#shop.ordersUrl, clock: systemClock, random: systemRandom, signal };
    const driven = drive({ customer, perSecond, seconds, random: seededRandom(perSecond) });
    await driven.done;
    const look = () => lookAtShop(this.#shop.databases, this.#admin, this.#shop.topics, 0);
    const { atRest, look: last } = await untilRest({
      look,
      clock: systemClock,
      signal,
      noProgressMs: STUCK_MS,
    });
    if (!atRest) throw new Error(`the shop stands still: ${last.waitingFor ?? ''}`);
    const use = difference(before, await this.#read());
    const { databases } = this.#shop;
    const [outbox, effects] = await Promise.all([dumpOutboxes(databases), dumpEffects(databases)]);
    const own = outbox.filter(({ createdAtMs }) => createdAtMs >= beganMs);
    return { orders: driven.answered.length, use, latenciesMs: latencies(own, effects) };
  }

  /** Measures what is used in `ms` milliseconds without load. */
  async idle(ms: number, signal: AbortSignal): Promise<Use> {
    const before = await this.#read();
    await systemClock.sleep(ms, signal);
    return difference(before, await this.#read());
  }

  async #read(): Promise<Reading> {
    await systemClock.sleep(SETTLE_MS);
    const work = await withClient(this.#serverUrl, (client) => readDatabaseWork(client, this.#statements));
    const used = new Map(readProcesses().map(({ pid, cpuMs }) => [pid, cpuMs]));
    const processMs = new Map(
      this.#shop.children.map(({ spec, pid = 0 }) => [spec.name, used.get(pid) ?? Number.NaN]),
    );
    return { atMs: systemClock.monotonic(), cpuMs: readCpuMs(this.#roots), processMs, work };
  }
}

function difference(before: Reading, after: Reading): Use {
  return {
    tookMs: after.atMs - before.atMs,
    cpuMs: eachGroup((group) => after.cpuMs[group] - before.cpuMs[group]),
    processMs: new Map(
      [...after.processMs].map(([name, ms]) => [name, ms - (before.processMs.get(name) ?? Number.NaN)]),
    ),
    work: {
      statements: after.work.statements - before.work.statements,
      transactions: after.work.transactions - before.work.transactions,
      walBytes: after.work.walBytes - before.work.walBytes,
    },
  };
}
