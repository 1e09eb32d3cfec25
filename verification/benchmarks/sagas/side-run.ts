import { fileURLToPath } from 'node:url';
import { newUuidV7 } from '@convergekit/core';
import type { Stack } from '@convergekit/testing';
import { freePorts } from '@convergekit/testing/engine';
import { isReady } from '../../programs.ts';
import type { World } from '../case.ts';
import { placeOf } from '../measure/drain-once.ts';
import { beginReading, JUDGED } from './business-sql.ts';
import { type Facts, judge, type Judgement } from './judge.ts';
import { EndsWatch } from './load/ends.ts';
import { closedLoop, type Driver } from './load/loads.ts';
import { type Order, orderOf } from './order.ts';
import { nodeProcess } from './sides/processes.ts';
import type { OpenSide, SagaSide } from './sides/side.ts';
import { readLedger } from './stub/provider.ts';
import { backendOf } from './usage/database-sql.ts';

const STUB = fileURLToPath(new URL('./stub/main.ts', import.meta.url));

/** A side that is open, its provider, and the orders that it has got. */
export interface SideRun {
  readonly open: OpenSide;
  readonly driver: Driver;
  /** The server process of the session that follows the ends: it is not the side's. */
  readonly watchBackend: number;
  /** One of ten orders is refused. @default true */
  refusals: boolean;
  judge(): Promise<Judgement>;
}

export interface RunPlace extends Pick<World, 'cleanup' | 'folder'> {
  readonly stack: Pick<Stack, 'databaseUrl' | 'brokers'>;
}

/** Opens a side with a provider of its own, runs `work`, and removes both. */
export async function withSide<T>(
  world: RunPlace,
  side: SagaSide,
  patienceMs: number,
  work: (run: SideRun) => Promise<T>,
): Promise<T> {
  const [port = 0] = await freePorts(1);
  const providerUrl = `http://127.0.0.1:${port}`;
  const provider = nodeProcess(world.folder, {
    name: 'provider',
    main: STUB,
    input: port,
    ready: () => isReady(`${providerUrl}/ledger`),
  });
  const stopProvider = world.cleanup.add(() => provider.stop());
  try {
    await provider.start();
    const open = await side.open({ ...placeOf(world), providerUrl });
    try {
      return await onOpenSide(open, providerUrl, patienceMs, work);
    } finally {
      await open.remove();
    }
  } finally {
    await stopProvider();
  }
}

async function onOpenSide<T>(
  open: OpenSide,
  providerUrl: string,
  patienceMs: number,
  work: (run: SideRun) => Promise<T>,
): Promise<T> {
  const orders: Order[] = [];
  const client = await open.connect('orders');
  const watchBackend = await backendOf(client);
  await beginReading(client);
  const ends = new EndsWatch(client);
  const next = (): Order => {
    const order = orderOf(orders.length, newUuidV7(), run.refusals);
    orders.push(order);
    return order;
  };
  const run: SideRun = {
    open,
    driver: { side: open, ends, next, patienceMs },
    watchBackend,
    refusals: true,
    judge: async () => judge({ orders, ...(await readJudged(open)), ledger: await readLedger(providerUrl) }),
  };
  try {
    return await work(run);
  } finally {
    await ends.stop().catch(() => undefined);
  }
}

/**
 * The number of orders before any measurement. A service runs for weeks: behind 50 orders V8 has not compiled most of what runs,
 * and a saga costs us 1.4 times of what it costs behind 600.
 */
const WARM_UP_ORDERS = 600;

export async function warmUp({ driver }: SideRun): Promise<void> {
  await closedLoop(driver, { count: WARM_UP_ORDERS, atOnce: 8 });
}

async function readJudged({ connect }: OpenSide): Promise<Omit<Facts, 'orders' | 'ledger'>> {
  const read = Object.entries(JUDGED).map(async ([name, [owner, text]]) => {
    const client = await connect(owner);
    try {
      return [name, (await client.query(text)).rows] as const;
    } finally {
      await client.end();
    }
  });
  // The statements name the columns as the facts do.
  return Object.fromEntries(await Promise.all(read)) as unknown as Omit<Facts, 'orders' | 'ledger'>;
}
