import { join } from 'node:path';
import { systemClock } from '@convergekit/core';
import { kafkaBroker } from '@convergekit/kafka';
import { openShop } from '../../lab/workloads/shop/shop.ts';
import type { Case, CaseResult, World } from '../case.ts';
import { median, quantile } from '../measure/statistics.ts';
import type { Figure } from '../report/figure.ts';
import { table } from '../report/markdown.ts';
import { ShopAccount, type ShopLoad, type Use } from '../shop/account.ts';
import { totalOf } from '../sagas/usage/groups.ts';
import { countStatements, stopCounting } from '../sagas/usage/database-sql.ts';
import { withClient } from '../sides/side.ts';

/** Orders a second, as in `make demo`. */
const RATE = 20;

interface Round {
  /** The load right after the start, when little is compiled, and the one after it. */
  readonly first: ShopLoad;
  readonly second: ShopLoad;
  readonly idle: Use;
}

/** The shop of `make demo` without faults: what an order costs, by process. */
export const shopCase: Case = {
  name: 'shop',
  title: 'An order of the shop',
  async run(world) {
    const { databaseUrl } = world.stack;
    const statements = await withClient(databaseUrl, countStatements).catch(() => false);
    try {
      const rounds: Round[] = [];
      for (let round = 1; round <= Math.min(3, world.settings.rounds); round += 1) {
        const measured = await measureRound(world, statements);
        rounds.push(measured);
        for (const name of ['first', 'second'] as const)
          world.say(`shop, round ${round}: ${name} load ${lineOf(measured[name])}`);
        world.say(`shop, round ${round}: idle ${idleCores(measured.idle).toFixed(3)} cores without Kafka`);
      }
      return resultOf(rounds);
    } finally {
      await withClient(databaseUrl, stopCounting).catch(() => undefined);
    }
  },
};

async function measureRound({ stack, folder, settings }: World, statements: boolean): Promise<Round> {
  const { quick } = settings;
  const shop = await openShop({ stack, logFolder: join(folder, 'shop') });
  const stop = new AbortController();
  const broker = kafkaBroker({ brokers: stack.brokers.split(','), clientId: 'bench-shop' });
  const admin = await broker.admin();
  try {
    await shop.start();
    await systemClock.sleep(quick ? 2_000 : 10_000);
    return await withClient(stack.databaseUrl, async (client) => {
      const account = new ShopAccount(shop, client, statements);
      const seconds = quick ? 5 : 20;
      const first = await account.load(RATE, seconds, stop.signal);
      const second = await account.load(RATE, seconds, stop.signal);
      await systemClock.sleep(quick ? 2_000 : 60_000);
      return { first, second, idle: await account.idle(quick ? 2_000 : 20_000, stop.signal) };
    });
  } finally {
    stop.abort();
    await shop.stop();
    // The next round begins with empty topics.
    for (const topic of shop.topics) await admin.deleteTopic(topic);
    await broker.close();
  }
}

const perOrderMs = ({ use, orders }: ShopLoad): number => totalOf(use.cpuMs) / orders;
/** The cores of the shop's processes and of Postgres, which has their sessions. */
const idleCores = ({ cpuMs, tookMs }: Use): number => (cpuMs.node + cpuMs.postgres) / tookMs;

function lineOf(load: ShopLoad): string {
  const { use, orders, latenciesMs } = load;
  return [
    `${perOrderMs(load).toFixed(1)} ms of CPU an order`,
    `${(use.statements / orders).toFixed(1)} statements, ${(use.transactions / orders).toFixed(1)} transactions`,
    `p50 ${quantile(latenciesMs, 0.5).toFixed(0)} ms, p99 ${quantile(latenciesMs, 0.99).toFixed(0)} ms`,
    `all ended after ${(use.tookMs / 1_000).toFixed(1)} s`,
  ].join(', ');
}

function resultOf(rounds: readonly Round[]): CaseResult {
  const figure = (name: string, unit: string, read: (round: Round) => number, limit?: number): Figure => ({
    name,
    bar: limit === undefined ? undefined : { kind: 'below', limit, unit },
    ours: { value: median(rounds.map(read)), unit, digits: unit === 'cores' ? 3 : 1 },
  });
  const latency = (share: number, load: 'first' | 'second') => (round: Round) =>
    quantile(round[load].latenciesMs, share);
  return {
    figures: [
      figure('CPU an order of the shop at 20/s, all processes', 'ms', ({ second }) => perOrderMs(second), 25),
      figure('the same, right after the start', 'ms', ({ first }) => perOrderMs(first)),
      figure('commit → effect in the shop at 20/s, p50', 'ms', latency(0.5, 'second'), 60),
      figure('commit → effect in the shop at 20/s, p99', 'ms', latency(0.99, 'second'), 300),
      figure('the same, right after the start, p50', 'ms', latency(0.5, 'first')),
      figure('the same, right after the start, p99', 'ms', latency(0.99, 'first')),
      figure('idle: the shop and its Postgres', 'cores', ({ idle }) => idleCores(idle), 0.05),
    ],
    rounds: [loadTable(rounds), processTable(rounds)].join('\n\n'),
  };
}

function loadTable(rounds: readonly Round[]): string {
  const heads = ['round', 'load', 'orders', 'p50 ms', 'p99 ms', 'statements', 'transactions', 'WAL KiB', 'CPU ms an order: node + postgres + kafka', 'ended after s']; // prettier-ignore
  const row = (at: number, name: string, { orders, use, latenciesMs }: ShopLoad): string[] => {
    const { node, postgres, kafka } = use.cpuMs;
    const cpu = [node, postgres, kafka].map((ms) => (ms / orders).toFixed(1)).join(' + ');
    const { statements, transactions, walBytes } = use;
    const per = [statements, transactions, walBytes / 1_024].map((count) => (count / orders).toFixed(1));
    const tail = [0.5, 0.99].map((share) => quantile(latenciesMs, share).toFixed(0));
    return [String(at + 1), name, String(orders), ...tail, ...per, cpu, (use.tookMs / 1_000).toFixed(1)];
  };
  return table(
    heads,
    rounds.flatMap(({ first, second }, at) => [row(at, 'first', first), row(at, 'second', second)]),
  );
}

function processTable(rounds: readonly Round[]): string {
  const names = [...(rounds[0]?.second.use.processMs.keys() ?? [])];
  const cell = (name: string, { orders, use }: ShopLoad): string =>
    ((use.processMs.get(name) ?? Number.NaN) / orders).toFixed(1);
  return table(
    ['process', ...rounds.map((_, at) => `ms an order, first and second load, round ${at + 1}`)],
    names.map((name) => [name, ...rounds.map(({ first, second }) => `${cell(name, first)}, ${cell(name, second)}`)]), // prettier-ignore
  );
}
