import { randomUUID } from 'node:crypto';
import type { Client } from 'pg';
import { seededRandom, systemClock, systemRandom } from '@convergekit/core';
import { drive } from '../../lab/drive.ts';
import { listEvents } from '../../lab/operator.ts';
import { untilRest } from '../../lab/rest.ts';
import { readEffects } from '../../lab/services.ts';
import { placeOrder, wish } from '../../lab/workloads/shop/customer.ts';
import { latencies } from '../../lab/workloads/shop/figures.ts';
import { lookAtShop } from '../../lab/workloads/shop/look.ts';
import type { Shop } from '../../lab/workloads/shop/shop.ts';
import { sources } from '../../lab/workloads/shop/specs.ts';
import { Meter, perSaga, type Reading } from '../sagas/usage/meter.ts';
import { readProcesses } from '../measure/process-tree.ts';

interface ShopReading extends Reading {
  /** By name of the process, in milliseconds. */
  readonly processMs: ReadonlyMap<string, number>;
}

export type Use = ReturnType<typeof difference>;
export type ShopLoad = Awaited<ReturnType<ShopAccount['load']>>;

/** The time without progress after which the shop is stuck, in milliseconds. */
const STUCK_MS = 60_000;

/** Reads what the processes of a shop use, with their Postgres and Kafka, and puts load on it. */
export class ShopAccount {
  readonly #shop: Shop;
  readonly #meter: Meter;

  constructor(shop: Shop, client: Client, statements: boolean) {
    this.#shop = shop;
    const processes = shop.children.map((child) => ({ group: 'node' as const, pid: () => child.pid ?? 0 }));
    const options = { processes, kafka: true, statements, left: new Set<number>(), ownReads: () => 0 };
    this.#meter = new Meter(client, options);
  }

  /** Places orders at a rate, and waits until all that follows from them has happened. */
  async load(perSecond: number, seconds: number, signal: AbortSignal) {
    const before = await this.#read();
    const beganMs = systemClock.now();
    const customer = { url: this.#shop.ordersUrl, clock: systemClock, random: systemRandom, signal };
    const random = seededRandom(perSecond);
    const load = { kind: 'rate', perSecond, seconds } as const;
    let orders = 0;
    await drive({ what: 'orders', load, clock: systemClock, signal }, async () => {
      await placeOrder(customer, wish(random, randomUUID()));
      orders += 1;
    });
    const { atRest, look: last } = await untilRest({
      look: () => lookAtShop(this.#shop),
      clock: systemClock,
      signal,
      noProgressMs: STUCK_MS,
    });
    if (!atRest) throw new Error(`the shop stands still: ${last.waitingFor ?? ''}`);
    const use = difference(before, await this.#read());
    const events = await Promise.all(sources.map((source) => listEvents(this.#shop.envOf(source))));
    const effects = await Promise.all(sources.map((source) => readEffects(this.#shop.databases[source])));
    const own = events.flat().filter(({ createdAt }) => Date.parse(createdAt) >= beganMs);
    // From the commit of an event to that of its effect.
    return { orders, use, latenciesMs: latencies(own, effects.flat()) };
  }

  /** Measures what is used in `ms` milliseconds without load. */
  async idle(ms: number, signal: AbortSignal): Promise<Use> {
    const before = await this.#read();
    await systemClock.sleep(ms, signal);
    return difference(before, await this.#read());
  }

  async #read(): Promise<ShopReading> {
    const reading = await this.#meter.read();
    const used = new Map(readProcesses().map(({ pid, cpuMs }) => [pid, cpuMs]));
    const processMs = new Map(
      this.#shop.children.map(({ spec, pid = 0 }) => [spec.name, used.get(pid) ?? Number.NaN]),
    );
    return { ...reading, processMs };
  }
}

/** The use between two readings. Times are in milliseconds. */
function difference(before: ShopReading, after: ShopReading) {
  return {
    ...perSaga(before, after, 1),
    tookMs: after.atMs - before.atMs,
    processMs: new Map(
      [...after.processMs].map(([name, ms]) => [name, ms - (before.processMs.get(name) ?? Number.NaN)]),
    ),
  };
}
