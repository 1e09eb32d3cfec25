import { randomUUID } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { seededRandom, systemClock, systemRandom } from '@convergekit/core';
import { type Stack, startStack, waitUntil } from '@convergekit/testing';
import { drive } from '../lab/drive.ts';
import { proxied } from '../lab/prepare.ts';
import { placeOrder, wish } from '../lab/workloads/shop/customer.ts';
import { openShop, type Shop } from '../lab/workloads/shop/shop.ts';
import { Cleanup } from '../cleanup.ts';
import { interruption } from '../interrupt.ts';
import { reasonOf } from '../programs.ts';
import {
  evaluateAlerts,
  evaluatePanels,
  hasData,
  readRecoveries,
  readsOutage,
  type Recovery,
} from './evaluate.ts';
import { causeEvents } from './events.ts';
import { countOpenOrders } from './events-sql.ts';
import { type Prometheus, startPrometheus } from './prometheus.ts';

/**
 * `make dashboards-check`: the shop under load, Postgres away for a minute, and a real Prometheus beside it. Evaluates
 * every panel and every alert, and compares the recovery panel with the outage: connections to Postgres are reset and
 * refused. `--kill` kills the server instead; its recovery after the crash is then part of the outage.
 */
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    kill: { type: 'boolean', default: false },
  },
});
const downSeconds = Number(values.seconds);
const TOLERANCE_SECONDS = 5;
const CALM_SECONDS = 15;
/** Of the shop: four services and the list of orders. The observer of sagas waits only if it has an event at that moment. */
const CONSUMERS = 5;
const signal = interruption();
const note = (line: string): void => void process.stderr.write(`${line}\n`);
const cleanup = new Cleanup((line) => note(`dashboards: ${line}`));

try {
  if (spawnSync('prometheus', ['--version']).status !== 0)
    throw new Error('prometheus was not found: apt-get install prometheus');
  process.exitCode = (await check()) ? 0 : 1;
} catch (error) {
  note(`dashboards: ${reasonOf(error)}`);
  process.exitCode = signal.aborted ? 130 : 1;
} finally {
  await cleanup.run();
}
process.exit();

async function check(): Promise<boolean> {
  const stack = await startStack({ log: note });
  cleanup.add(() => stack.stop());
  const { databaseUrl, outage } = await outageOf(stack);
  const { brokers, kafkaTools } = stack;
  const world = await openShop({
    stack: { databaseUrl, brokers, kafkaTools },
    logFolder: '.converge/dashboards',
  });
  cleanup.add(() => world.stop());
  await world.start();
  const prometheus = await startPrometheus({ scraped: world.children, interval: '1s' });
  cleanup.add(() => prometheus.stop());
  const from = systemClock.now() / 1_000;
  const customer = { url: world.ordersUrl, clock: systemClock, random: systemRandom, signal };
  const random = seededRandom(1);
  const load = { kind: 'rate', perSecond: 3, seconds: downSeconds + 2 * CALM_SECONDS } as const;
  const driving = drive({ what: 'orders', load, clock: systemClock, signal }, async () => {
    await placeOrder(customer, wish(random, randomUUID()));
  });
  await systemClock.sleep(CALM_SECONDS * 1_000, signal);
  note(`Postgres goes away for ${downSeconds} s`);
  const wentDown = systemClock.monotonic();
  await outage.begin();
  await systemClock.sleep(downSeconds * 1_000, signal);
  await outage.end();
  const outageSeconds = (systemClock.monotonic() - wentDown) / 1_000;
  note(`Postgres is back after ${outageSeconds.toFixed(1)} s`);
  const recovered = await recovery(prometheus, from, outageSeconds);
  await driving;
  signal.throwIfAborted();
  await ended(world);
  note('all orders have ended; now a parked key, a dead letter, drift and a breaker');
  await causeEvents(world);
  const complete = await report(prometheus, from);
  return recovered && complete;
}

/** Puts a proxy in front of Postgres, or takes the server itself. `databaseUrl` is the address for the shop. */
async function outageOf({ databaseUrl, postgres }: Stack) {
  if (values.kill) {
    if (postgres === undefined) throw new Error('Postgres cannot be killed: unset DATABASE_URL');
    return { databaseUrl, outage: { begin: () => postgres.kill(), end: () => postgres.start() } };
  }
  const { proxy, url } = await proxied(databaseUrl);
  cleanup.add(() => proxy.close());
  return {
    databaseUrl: url,
    outage: { begin: () => Promise.resolve(proxy.cut()), end: () => Promise.resolve(proxy.restore()) },
  };
}

async function ended({ databases: { orders } }: Shop): Promise<void> {
  await waitUntil(async () => (await countOpenOrders(orders)) === 0, {
    what: 'every order to end',
    deadlineMs: 180_000,
    everyMs: 200,
  });
}

/** Reads the recovery panel when each consumer has recovered, prints it, and compares it with the outage. */
async function recovery({ url }: Prometheus, from: number, outageSeconds: number): Promise<boolean> {
  const read = (): Promise<readonly Recovery[]> =>
    readRecoveries(url, { from, to: systemClock.now() / 1_000, step: 1 });
  const back = async (): Promise<boolean> => {
    const long = (await read()).filter(
      ({ scope, seconds }) => scope === 'partition' && seconds > outageSeconds / 2,
    );
    return long.length >= CONSUMERS;
  };
  await waitUntil(back, { what: `${CONSUMERS} consumers to recover`, deadlineMs: 120_000, everyMs: 1_000 });
  // The slowest partition of each counts, too: the panel looks back over ten seconds.
  await systemClock.sleep(10_000, signal);
  const found = await read();
  const recovered = readsOutage(found, outageSeconds, TOLERANCE_SECONDS);
  const lines = [
    `recovery panel, after Postgres was away for ${outageSeconds.toFixed(1)} s`,
    ...found.map(
      ({ consumer, scope, seconds }) =>
        `  ${consumer.padEnd(14)} ${scope.padEnd(10)} ${seconds.toFixed(1)} s`,
    ),
    `  partitions within ${TOLERANCE_SECONDS} s: ${recovered ? 'yes' : 'NO'}`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  return recovered;
}

async function report({ url }: Prometheus, from: number): Promise<boolean> {
  // Two scrapes later everything has a rate.
  await systemClock.sleep(3_000, signal);
  const range = { from, to: systemClock.now() / 1_000, step: 1 };
  const panels = await evaluatePanels(url, range);
  const empty = panels.filter((one) => !hasData(one));
  const wrong = empty.filter(({ query }) => query.rare !== true);
  const alerts = await evaluateAlerts(url, range);
  const lines = [
    `queries of panels   ${panels.length}, ${panels.length - empty.length} returned data`,
    ...empty.map(({ place, query }) => `  ${query.rare === true ? 'did not happen' : 'NO DATA'}: ${place}`),
    `alerts evaluated    ${alerts.length}`,
    ...alerts.flatMap(({ alert, missing }) =>
      missing.map((one) => `  ${alert} reads what no process exported in this run: ${one}`),
    ),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  return wrong.length === 0;
}
