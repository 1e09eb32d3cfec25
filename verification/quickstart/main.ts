/**
 * Does what the quickstart and the first screen of the README say, as a newcomer would. It works outside the repository,
 * from packed packages, without Java and Docker. Prints the time of each step and what was downloaded, and fails when an
 * order does not end as the pages say. `make quickstart`; on the oldest Node with `ARGS="--node 22"`.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { freePort } from '@convergekit/testing/operate';
import { root } from '../../infra/packages/stage.ts';
import { installTools } from '../packages/tools.ts';
import { checkConsole } from './console.ts';
import { whileDev } from './dev.ts';
import { newcomer, say, seconds } from './newcomer.ts';
import { checkOrders } from './orders.ts';
import { runPair } from './pair.ts';
import { runReadme } from './readme.ts';

const { values } = parseArgs({ options: { node: { type: 'string', default: '24' } } });
if (values.node !== '22' && values.node !== '24')
  throw new Error(`--node is "${values.node}": 22 or 24 is expected`);
const { node } = await installTools(join(root, '.converge/packages/tools'));

const began = performance.now();
const person = await newcomer(/^(java|javac|mvn|docker|converge)/, node[values.node]);
const { outside, name, service, env: own, step, downloaded, close } = person;
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
    await checkOrders(`http://127.0.0.1:${httpPort}/orders`, (what) =>
      say(`${seconds(start)}  npm run dev: ${what}`),
    );
    await checkConsole(log);
    say(`${seconds(start)}  npm run dev: the console shows the declined order`);
  });
  await runPair(person);
  await runReadme({ folder: join(outside, 'readme'), env: own, step });
  say(`${seconds(began)}  in all; ${downloaded()} MB were downloaded`);
} finally {
  await close();
}
process.exit();
