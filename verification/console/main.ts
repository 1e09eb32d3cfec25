import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { allMigrations, readSettings } from '@convergekit/cli/operate';
import { connect, migrate } from '@convergekit/postgres';
import { withPostgres } from '@convergekit/testing';
import { consoleService } from '../../services/console/src/console.ts';
import { median } from '../benchmarks/measure/statistics.ts';
import { table } from '../benchmarks/report/markdown.ts';
import { commit } from '../programs.ts';
import { type MeasuredPage, pagesOf } from './pages.ts';
import { picks, seed } from './seed-sql.ts';

/** `make console-bench`: every page of the console over a database of a million sagas and a hundred thousand dead letters. */
const { values } = parseArgs({
  options: {
    sagas: { type: 'string', default: '1000000' },
    'dead-letters': { type: 'string', default: '100000' },
    out: { type: 'string' },
  },
});
const amounts = { sagas: Number(values.sagas), deadLetters: Number(values['dead-letters']) };
/** How often each page is requested. */
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

interface Measured extends MeasuredPage {
  readonly status: number;
  readonly firstMs: number;
  readonly medianMs: number;
  readonly worstMs: number;
  readonly bytes: number;
}

/** Requests a page several times, one after the other, until the whole of it was read. */
async function measure(origin: string, page: MeasuredPage): Promise<Measured> {
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
    firstMs: times[0] ?? 0,
    medianMs: Math.round(median(times)),
    worstMs: Math.max(...times),
    bytes,
  };
}
