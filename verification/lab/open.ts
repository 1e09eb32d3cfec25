import { mkdirSync, rmSync } from 'node:fs';
import { freshDatabase, type Stack } from '@convergekit/testing';
import { embeddedPostgres, startServers } from '@convergekit/testing/engine';
import { Cleanup } from '../cleanup.ts';
import type { RunSpec } from './spec.ts';
import { runLab, type Outcome } from './run.ts';
import { type Log, openLog, type Servers } from './servers.ts';
import type { Part, Run } from './types.ts';
import type { EffectDb } from './workloads/counted/events.ts';
import { CountedPart, type CountedOptions, type Place } from './workloads/counted/part.ts';
import { startPair } from './workloads/counted/pair.ts';
import { createTopics, open, prepare, startCluster } from './workloads/counted/services.ts';
import { ShopPart } from './workloads/shop/part.ts';
import { openShop, type Shop, type ShopOptions } from './workloads/shop/shop.ts';
import { openBanks } from './workloads/transfers/banks.ts';
import { TransfersPart } from './workloads/transfers/part.ts';
import { WritersPart } from './workloads/writers/part.ts';
import { openWorld } from './workloads/writers/world.ts';

/** Starts the servers of shop and transfers; a broker that is not needed, or given, is not started. */
export async function openServers(run: Run, { broker = 'kafka' }: Pick<RunSpec, 'broker'>): Promise<Stack> {
  const stack = await startServers({ log: (line) => run.progress.note(line) }, broker === 'kafka');
  run.defer(() => stack.stop());
  run.signal.throwIfAborted();
  // What the judge needs is fetched now, not when all else is done.
  if (broker === 'kafka') await stack.kafkaTools.prepare();
  return stack;
}

export async function openShopOf(
  run: Run,
  spec: Pick<RunSpec, 'broker' | 'sagas'>,
  stack: Servers,
  options: Partial<ShopOptions> = {},
): Promise<Shop> {
  const { folder: logFolder, defer } = run;
  const { broker = 'kafka', sagas = false } = spec;
  const shop = await openShop({ stack, logFolder, broker, reconciler: !sagas, ...options });
  defer(() => shop.stop());
  return shop;
}

async function openParts(run: Run, spec: RunSpec, servers?: Servers): Promise<readonly Part[]> {
  const { folder, defer, progress } = run;
  const { workloads, sagas = false, extras = [], driver, counted = {} } = spec;
  const parts: Part[] = [];
  if (workloads.includes('shop') || workloads.includes('transfers')) {
    const stack = servers ?? (await openServers(run, spec));
    progress.note(`databases, migrations, topics; the log of each process goes to ${folder}/`);
    let log: Log | undefined;
    if (workloads.includes('shop')) {
      const shop = await openShopOf(run, spec, stack);
      log = shop.log;
      parts.push(new ShopPart(shop, run, { servers: stack, sagas, extras }));
    }
    if (workloads.includes('transfers')) {
      const shared = log ?? (await openLog(spec.broker ?? 'kafka', stack));
      if (log === undefined) defer(() => shared.close());
      const banks = await openBanks({ databaseUrl: stack.databaseUrl, log: shared, logFolder: folder });
      defer(() => banks.stop());
      parts.push(new TransfersPart(banks, shared, run));
    }
  }
  if (workloads.includes('writers')) parts.push(new WritersPart(await openWorld(run, driver), run));
  if (workloads.includes('counted')) parts.push(await openCounted(run, counted));
  return parts;
}

async function openCounted(run: Run, options: CountedOptions): Promise<CountedPart> {
  const { consumers: names = ['stock'], driver, brokers, postgres: how, mayRefuse = false } = options;
  const { defer } = run;
  const postgres = await embeddedPostgres(how);
  defer(() => postgres.dispose());
  await postgres.start();
  const pair = options.pair === true ? await startPair(postgres, defer) : undefined;
  const cluster = await startCluster(defer, driver, brokers);
  await createTopics(cluster.broker, cluster.server.address, names);
  const place = async (name: string): Promise<Place> => {
    const direct = await freshDatabase(postgres.address, name);
    const url = pair?.pooler.through(direct) ?? direct;
    const database = open<EffectDb>(url, defer);
    await prepare(database);
    return { url, database };
  };
  const orders = await place('orders');
  const consumers = new Map<string, Place>();
  for (const name of names) consumers.set(name, await place(name));
  return new CountedPart(run, { postgres, pair, orders, consumers, cluster }, mayRefuse);
}

/** Runs a spec from nothing to nothing: what was started is gone when this resolves or rejects. */
export async function runSpec(
  spec: RunSpec,
  given: Omit<Run, 'defer'>,
  { servers }: { readonly servers?: Servers } = {},
): Promise<Outcome> {
  return withUndo(given, async (run) => {
    const parts = await openParts(run, spec, servers);
    run.signal.throwIfAborted();
    return runLab({ ...spec, ...run, parts });
  });
}

/** Gives a run a clean folder and a way to register what must be undone, and undoes it. */
export async function withUndo<T>(given: Omit<Run, 'defer'>, fn: (run: Run) => Promise<T>): Promise<T> {
  const cleanup = new Cleanup((line) => given.progress.note(line));
  mkdirSync(given.folder, { recursive: true });
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  stopped.catch(() => undefined);
  given.signal.addEventListener('abort', () => reject(given.signal.reason as Error), { once: true });
  try {
    return await Promise.race([fn({ ...given, defer: (one) => void cleanup.add(one) }), stopped]);
  } finally {
    await cleanup.run();
  }
}

export function freshFolder(folder: string): string {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}
