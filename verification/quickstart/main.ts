/**
 * Does what the quickstart, the first screen of the README and the first sections of guides say, as a newcomer would. It works
 * outside the repository, from packed packages, without Java and Docker. Prints the time of each step, what was downloaded, and
 * what each page costs its reader; fails when something does not end as the pages say. `make quickstart`; on the oldest Node with
 * `ARGS="--node 22"`, one page alone with `ARGS="--only nest"`.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { waitUntil } from '@convergekit/testing';
import { freePort } from '@convergekit/testing/internal';
import { root } from '../../infra/packages/workspaces.ts';
import { installTools } from '../packages/tools.ts';
import { type Effort, exported, followPage } from './follow.ts';
import { newcomer, say, seconds, whileDev } from './newcomer.ts';
import { checkOrders, ORDERS, PAIR_ORDERS } from './orders.ts';

const { values } = parseArgs({
  options: { node: { type: 'string', default: '24' }, only: { type: 'string' } },
});
if (values.node !== '22' && values.node !== '24')
  throw new Error(`--node is "${values.node}": 22 or 24 is expected`);
const { node } = await installTools(join(root, '.converge/packages/tools'));

const began = performance.now();
const {
  outside,
  name,
  service,
  env: own,
  step,
  downloaded,
  close,
} = await newcomer(/^(java|javac|mvn|docker|converge)/, node[values.node]);
const httpPort = await freePort();

const env: NodeJS.ProcessEnv = {
  ...own,
  CONVERGE__HTTP__PORT: String(httpPort),
  // The guide keeps events in Postgres; with brokers the same steps run on Kafka.
  ...(process.env['KAFKA_BROKERS'] !== undefined && { KAFKA_BROKERS: process.env['KAFKA_BROKERS'] }),
};

/** The pages whose section is followed to the letter. */
const PAGES = [
  ['README.md', '# Converge'],
  ['docs/guides/sagas.md', '## One on one screen'],
  ['docs/guides/reconcilers.md', '## One on one screen'],
  ['docs/guides/testing.md', '## One on one screen'],
  ['docs/guides/outbox-with-your-orm.md', '## Express with Drizzle on one screen'],
  ['docs/guides/nest.md', '## Run it'],
] as const;

try {
  await step('node --version', outside).then((version) => say(`          ${version.split('\n')[0] ?? ''}`));
  const { only } = values;
  if (only === undefined) {
    await runQuickstart();
    await runPair();
  }
  const efforts: Effort[] = [];
  for (const [page, heading] of PAGES.filter(([name]) => name.includes(only ?? ''))) {
    say(`          ${page}, ${heading}`);
    efforts.push(await followPage({ outside, env: own, step }, page, heading));
  }
  say(`${seconds(began)}  in all; ${downloaded()} MB were downloaded\n`);
  say('page                                 commands  lines  seconds');
  for (const { page, commands, lines, seconds: took } of efforts)
    say(
      `${page.padEnd(35)}  ${[commands, lines, took].map((count, at) => String(count).padStart([8, 5, 7][at] ?? 0)).join('  ')}`,
    );
} finally {
  await close();
}
process.exit();

/** Makes the service of the quickstart, tests it, runs it and looks at its console. */
async function runQuickstart(): Promise<void> {
  await step(`npx --yes convergekit init ${name}`, outside);
  for (const line of ['npm install', 'npm run check', 'npm run lint', 'npm test']) await step(line, service);
  await whileDev(['npm', 'run', 'dev'], { cwd: service, env }, async ({ start, log }) => {
    await checkOrders(`http://127.0.0.1:${httpPort}/orders`, ORDERS, (what) =>
      say(`${seconds(start)}  npm run dev: ${what}`),
    );
    await checkConsole(log);
    say(`${seconds(start)}  npm run dev: the console shows the declined order`);
    await lookAround(log);
  });
}

/** Types what the guide has its reader look at, in another terminal. Rejects when a command fails or shows something else. */
async function lookAround(log: () => string): Promise<void> {
  const terminal = await exported(env, log);
  const rejected = /"event":"([^"]+)".*"msg":"rejected"/.exec(log())?.[1] ?? '';
  for (const [line, shown] of [
    ['npx convergekit doctor', 'holds the lease and publishes'],
    ['npx convergekit saga list', 'compensated'],
    ['npx convergekit parked groups', 'over the limit of this card'],
    [`npx convergekit event history ${rejected}`, 'payments rejected'],
  ] as const) {
    const printed = await step(line, service, terminal);
    if (!printed.includes(shown)) throw new Error(`${line} does not show "${shown}":\n${printed}`);
  }
}

/** Opens the console whose address `converge dev` printed, and looks for the refused payment. Rejects when it is not there. */
async function checkConsole(log: () => string): Promise<void> {
  const url = await waitUntil(() => /^console\s+(http:\S+\/)/m.exec(log())?.[1], {
    what: 'the address of the console',
  });
  const page = await waitUntil(() => textOf(new URL('failures?state=rejected', url)), {
    what: `an answer of ${url}`,
  });
  if (!page.includes('over the limit of this card'))
    throw new Error(`the console does not show the refusal:\n${page}`);
}

async function textOf(url: URL): Promise<string | undefined> {
  try {
    const response = await fetch(url);
    return response.ok ? await response.text() : undefined;
  } catch {
    return undefined;
  }
}

/** Makes two services from the template, tests them, and runs them twice: the second time with the data of the first. */
async function runPair(): Promise<void> {
  const folder = join(outside, 'pair');
  const pair = { cwd: folder, env: { ...own, CONVERGE__HTTP__PORT: String(httpPort) } };
  const url = `http://127.0.0.1:${httpPort}/orders`;
  await step('npx --yes convergekit init pair --template two-services', outside);
  for (const line of ['npm install', 'npm run check', 'npm run lint', 'npm test']) await step(line, folder);
  for (const run of ['first', 'second'])
    await whileDev(['npm', 'run', 'dev'], pair, async ({ start }) => {
      await checkOrders(url, PAIR_ORDERS, (what) =>
        say(`${seconds(start)}  npm run dev, ${run} run: ${what}`),
      );
    });
}
