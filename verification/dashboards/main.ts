import { parseArgs } from 'node:util';
import { seededRandom, systemClock, systemRandom } from '@convergekit/core';
import { startStack, waitUntil } from '@convergekit/testing';
import { drive } from '../demo/drive/driver.ts';
import { buildWorld, type World } from '../demo/world.ts';
import { interruption } from '../interrupt.ts';
import { evaluateAlerts, evaluatePanels, hasData } from './evaluate.ts';
import { causeEvents } from './events.ts';
import { countOpenOrders } from './events-sql.ts';
import { isInstalled, type Prometheus, startPrometheus } from './prometheus.ts';
import { readRecoveries, readsOutage } from './recovery.ts';

/**
 * `make dashboards-check`: the shop under load, Postgres down for a minute, and a real Prometheus beside it. Evaluates
 * every panel and every alert, and compares the recovery panel with the outage.
 */
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    rate: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
  },
});
const downSeconds = Number(values.seconds);
const TOLERANCE_SECONDS = 5;
const CALM_SECONDS = 15;
const signal = interruption();
const note = (line: string): void => void process.stderr.write(`${line}\n`);
const undo: (() => Promise<unknown>)[] = [];

try {
  if (!isInstalled('prometheus')) throw new Error('prometheus was not found: apt-get install prometheus');
  process.exitCode = (await check()) ? 0 : 1;
} catch (error) {
  note(`dashboards: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = signal.aborted ? 130 : 1;
} finally {
  for (const one of undo.reverse())
    await one().catch((error: unknown) => note(`dashboards: while stopping: ${String(error)}`));
}
process.exit();

async function check(): Promise<boolean> {
  const stack = await startStack({ log: note });
  undo.push(() => stack.stop());
  const { postgres } = stack;
  if (postgres === undefined) throw new Error('Postgres is not one that can be stopped: unset DATABASE_URL');
  const world = await buildWorld({ stack, logFolder: '.converge/dashboards' });
  undo.push(() => world.stop());
  await world.start();
  const prometheus = await startPrometheus({ scraped: world.children, interval: '1s' });
  undo.push(() => prometheus.stop());
  const from = systemClock.now() / 1_000;
  const driving = drive({
    customer: { url: world.ordersUrl, clock: systemClock, random: systemRandom, signal },
    perSecond: Number(values.rate),
    seconds: downSeconds + 2 * CALM_SECONDS,
    random: seededRandom(Number(values.seed)),
  });
  await systemClock.sleep(CALM_SECONDS * 1_000, signal);
  note(`Postgres goes down for ${downSeconds} s`);
  const wentDown = systemClock.monotonic();
  await postgres.kill();
  await systemClock.sleep(downSeconds * 1_000, signal);
  await postgres.start();
  // A start after a crash takes seconds of its own: they are part of the outage.
  const outageSeconds = (systemClock.monotonic() - wentDown) / 1_000;
  note(`Postgres is back after ${outageSeconds.toFixed(1)} s`);
  await driving.done;
  signal.throwIfAborted();
  await ended(world);
  note('all orders have ended; now a parked key, a dead letter, drift and a breaker');
  const upTo = systemClock.now() / 1_000;
  await causeEvents(world);
  return await report(prometheus, { from, upTo, outageSeconds });
}

async function ended({ databases: { orders } }: World): Promise<void> {
  await waitUntil(async () => (await countOpenOrders(orders)) === 0, {
    what: 'every order to end',
    deadlineMs: 180_000,
    everyMs: 200,
  });
}

interface Times {
  /** Seconds since 1970: the start of the load, and the end of the outage's consequences. */
  readonly from: number;
  readonly upTo: number;
  /** From the kill of Postgres until it answered again. */
  readonly outageSeconds: number;
}

async function report({ url }: Prometheus, { from, upTo, outageSeconds }: Times): Promise<boolean> {
  // Two scrapes later everything has a rate.
  await systemClock.sleep(3_000, signal);
  const range = { from, to: systemClock.now() / 1_000, step: 1 };
  const panels = await evaluatePanels(url, range);
  const empty = panels.filter((one) => !hasData(one));
  const wrong = empty.filter(({ query }) => query.rare !== true);
  const alerts = await evaluateAlerts(url, range);
  const recoveries = await readRecoveries(url, { ...range, to: upTo });
  const recovered = readsOutage(recoveries, {
    seconds: outageSeconds,
    toleranceSeconds: TOLERANCE_SECONDS,
  });
  const lines = [
    `queries of panels   ${panels.length}, ${panels.length - empty.length} returned data`,
    ...empty.map(({ place, query }) => `  ${query.rare === true ? 'did not happen' : 'NO DATA'}: ${place}`),
    `alerts evaluated    ${alerts.length}`,
    ...alerts.flatMap(({ alert, missing }) =>
      missing.map((one) => `  ${alert} reads what no process exported in this run: ${one}`),
    ),
    `recovery panel, after Postgres was down for ${outageSeconds.toFixed(1)} s`,
    ...recoveries.map(
      ({ consumer, scope, seconds }) =>
        `  ${consumer.padEnd(12)} ${scope.padEnd(10)} ${seconds.toFixed(1)} s`,
    ),
    `  within ${TOLERANCE_SECONDS} s: ${recovered ? 'yes' : 'NO'}`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  return wrong.length === 0 && recovered;
}
