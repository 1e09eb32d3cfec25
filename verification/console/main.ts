import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { allMigrations } from '@convergekit/operate';
import { readSettings } from '@convergekit/operate/host';
import { connect, migrate } from '@convergekit/postgres';
import { withPostgres } from '@convergekit/testing';
import { consoleService } from '../../services/console/src/console.ts';
import { screens } from '../../services/console/src/screens/index.ts';
import { median } from '../benchmarks/measure/statistics.ts';
import { table } from '../benchmarks/report/markdown.ts';
import { commit } from '../programs.ts';
import { type Picks, picks, seed } from './seed-sql.ts';

/** `make console-bench`: every page of the console over a database of a million sagas and a hundred thousand dead letters. */
const { values } = parseArgs({
  options: {
    sagas: { type: 'string', default: '1000000' },
    'dead-letters': { type: 'string', default: '100000' },
    out: { type: 'string' },
  },
});
const amounts = { sagas: Number(values.sagas), deadLetters: Number(values['dead-letters']) };
const REQUESTS = 6;
/** No page may take longer, in milliseconds. */
const BAR_MS = 1_000;
const say = (line: string): void => void process.stderr.write(`${line}\n`);

const failed = await withPostgres(run, { log: say });
process.exitCode = failed ? 1 : 0;

async function run(url: string): Promise<boolean> {
  const database = connect({ url, max: 1, statementTimeoutMs: 0 });
  await migrate(database, allMigrations);
  await seed(database.executor, amounts, say);
  const picked = await picks(database.executor);
  const settings = readSettings({ CONVERGE__DATABASES__SHOP: url, CONVERGE__CONSOLE__PORT: '0' });
  const service = consoleService(settings);
  await service.start();
  const measured: Measured[] = [];
  for (const page of pagesOf(picked)) measured.push(await measure(`http://127.0.0.1:${service.port}`, page));
  await service.stop();
  await database.close();
  const report = reportOf(measured);
  process.stdout.write(`${report}\n`);
  if (values.out !== undefined) {
    mkdirSync(dirname(values.out), { recursive: true });
    writeFileSync(values.out, `${report}\n`);
  }
  const slow = measured.filter(({ worstMs, status }) => worstMs > BAR_MS || status >= 400);
  for (const { what, worstMs, status } of slow)
    say(`too slow or failed: ${what}, ${worstMs} ms, status ${status}`);
  return slow.length > 0;
}

function reportOf(measured: readonly Measured[]): string {
  const { sagas, deadLetters } = amounts;
  const rows = measured.map(({ what, path, firstMs, medianMs, worstMs, bytes }) => [
    ...[what, `\`${path}\``],
    ...[firstMs, medianMs, worstMs, Math.round(bytes / 1024)].map(String),
  ]);
  const worst = Math.max(...measured.map(({ worstMs }) => worstMs));
  return [
    `# Every page of the console, ${new Date().toISOString().slice(0, 10)}`,
    '',
    `One database with ${sagas.toLocaleString('en')} sagas (their fences, journals, calls and outbox rows) and ${deadLetters.toLocaleString('en')} dead letters, written by SQL`,
    'in the shapes that the kit writes (`verification/console/seed-sql.ts`). Each page is requested six times by HTTP, one request after the other;',
    `"first" is the first of them. The bar: no page over 1 s. The slowest request of all: ${worst} ms.`,
    '',
    `Machine: ${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB; Node ${process.version}; Postgres 18 with 128 MB of`,
    `shared buffers on the same machine; commit ${commit()}.`,
    '',
    table(['page', 'path', 'first, ms', 'median, ms', 'worst, ms', 'KiB'], rows),
  ].join('\n');
}

type Measured = Awaited<ReturnType<typeof measure>>;

/** Requests a page several times, one after the other, until the whole of it was read. */
async function measure(origin: string, page: MeasuredPage) {
  const times: number[] = [];
  let [status, bytes] = [0, 0];
  for (let request = 0; request < REQUESTS; request += 1) {
    const began = performance.now();
    const response = await fetch(`${origin}${page.path}`);
    bytes = (await response.arrayBuffer()).byteLength;
    times.push(Math.round(performance.now() - began));
    status = Math.max(status, response.status);
  }
  return {
    ...page,
    status,
    bytes,
    firstMs: times[0] ?? 0,
    medianMs: Math.round(median(times)),
    worstMs: Math.max(...times),
  };
}

type MeasuredPage = ReturnType<typeof pagesOf>[number];

/** The pages of the menu, and those behind them that read the most (pure). */
function pagesOf({ stuck, completed, parked }: Picks) {
  const step = `/sagas/${stuck}/shop/ship`;
  return [
    ...screens.map(({ title, path }) => ({ what: title, path })),
    { what: 'Sagas: the whole history', path: '/sagas?state=any' },
    { what: 'Sagas: completed', path: '/sagas?state=completed' },
    { what: 'Sagas: by key', path: '/sagas?key=order-77777' },
    { what: 'Sagas: by trace', path: '/sagas?trace=28dd2c7955ce926456240b2ff0100bde' },
    { what: 'Sagas: by reason, old ones', path: '/sagas?state=any&reason=truck&older=2d' },
    { what: 'Sagas: a reason that none has', path: '/sagas?state=any&reason=nothing-like-this' },
    { what: 'Sagas: open at a step, 5 attempts or more', path: '/sagas?state=any&step=ship&attempts=5' },
    { what: 'Sagas: graphs', path: '/sagas/graph' },
    { what: 'One saga, stuck', path: `/sagas/${stuck}` },
    { what: 'One saga, completed', path: `/sagas/${completed}` },
    { what: 'Resolve a step', path: `${step}/resolve` },
    { what: 'Failures: of a span', path: '/parked?since=2026-01-01T00:00:00Z' },
    { what: 'Failures: keys of a group of 80 %', path: '/parked/keys?code=CARRIER_DOWN' },
    { what: 'Failures: events of a group of 10 %', path: '/parked/list?code=ECONNREFUSED' },
    { what: 'Failures: one event', path: `/parked/shop/${parked}` },
    { what: 'Failures: dry run of 80,000', path: '/parked/retry?code=CARRIER_DOWN' },
    { what: 'Drift: 100,000 held keys of one reconciler', path: '/drift/shop/parcels' },
    { what: 'Drift: behind a key', path: '/drift/shop/parcels?after=order-50000' },
    { what: 'Drift: a verdict that none has', path: '/drift/shop/parcels?verdict=unknown' },
    { what: 'Drift: one key', path: '/drift/key?key=order-50000' },
    { what: 'Drift: preview of an approval', path: '/reconcile/approve?database=shop&name=parcels' },
    { what: 'Drift: repairs', path: '/drift/shop/parcels/repairs' },
    { what: 'Policies: of 30 days', path: '/policies?hours=720' },
    { what: 'One policy', path: '/policies/shop/default' },
    { what: 'Search: a saga', path: `/search?q=${completed}` },
    { what: 'Search: a key', path: '/search?q=order-77777' },
    { what: 'Search: nothing', path: '/search?q=nothing-like-this' },
  ];
}
