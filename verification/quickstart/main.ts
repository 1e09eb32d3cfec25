/**
 * Does what the quickstart and the first screen of the README say, as a newcomer would. It works outside the repository,
 * from packed packages, without Java and Docker. Prints the time of each step and what was downloaded, and fails when an
 * order does not end as the pages say. `make quickstart`; on the oldest Node with `ARGS="--node 22"`.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { waitUntil } from '@convergekit/testing';
import { freePort } from '@convergekit/testing/internal';
import { root } from '../../infra/packages/workspaces.ts';
import { isApplied } from '../packages/program.ts';
import { installTools } from '../packages/tools.ts';
import { withDatabase } from '../with-database.ts';
import { newcomer, say, seconds, whileDev } from './newcomer.ts';
import { checkOrders, ORDERS, PAIR_ORDERS } from './orders.ts';

const { values } = parseArgs({ options: { node: { type: 'string', default: '24' } } });
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

try {
  await step('node --version', outside).then((version) => say(`          ${version.trim()}`));
  await step(`npx --yes convergekit init ${name}`, outside);
  await step('npm install', service);
  await step('npm run check', service);
  await step('npm test', service);
  await whileDev(['npm', 'run', 'dev'], { cwd: service, env }, async ({ start, log }) => {
    await checkOrders(`http://127.0.0.1:${httpPort}/orders`, ORDERS, (what) =>
      say(`${seconds(start)}  npm run dev: ${what}`),
    );
    await checkConsole(log);
    say(`${seconds(start)}  npm run dev: the console shows the declined order`);
  });
  await runPair();
  await runReadme();
  say(`${seconds(began)}  in all; ${downloaded()} MB were downloaded`);
} finally {
  await close();
}
process.exit();

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

/** Runs the README's first program by the commands that it prints, until it has done its work. */
async function runReadme(): Promise<void> {
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  const [, commands = ''] = /```sh\n([^]*?)```/.exec(readme) ?? [];
  const lines = commands.trimEnd().split('\n');
  const dev = lines.pop() ?? '';
  const printed = await step(`${lines.join(' && ')} && pwd`, outside);
  const folder = printed.trimEnd().split('\n').at(-1) ?? '';
  await whileDev(['bash', '-c', `exec ${dev}`], { cwd: folder, env: own }, async ({ start, log }) => {
    const url = await waitUntil(() => /DATABASE_URL=(\S+)/.exec(log())?.[1], {
      what: 'the address of the database',
    });
    await withDatabase({ url }, (database) =>
      waitUntil(() => isApplied(database), { what: 'one order and one charge' }),
    );
    say(`${seconds(start)}  ${dev}: the small order is charged, the large one is removed`);
  });
}
