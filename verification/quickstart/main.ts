/**
 * Does what the quickstart says, as a newcomer would: outside the repository, from packed packages, without Java and
 * Docker. Prints the time of each step and what was downloaded, and fails when an order does not end as the guide says.
 * `make quickstart`; on the oldest Node with `ARGS="--node 22"`.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { packAll, root } from '../../infra/packages/stage.ts';
import { freePort } from '@convergekit/testing/operate';
import { installTools, run } from '../packages/tools.ts';
import { checkOrders } from './orders.ts';
import { pathWithout } from './path-without.ts';
import { packedRegistry } from './registry.ts';

const { values } = parseArgs({ options: { node: { type: 'string', default: '24' } } });
if (values.node !== '22' && values.node !== '24')
  throw new Error(`--node is "${values.node}": 22 or 24 is expected`);
const { node } = await installTools(join(root, '.converge/packages/tools'));
const nodePath = node[values.node];

const began = performance.now();
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const NAME = 'demo-service';

const outside = await mkdtemp(join(tmpdir(), 'converge-quickstart-'));
const { stdout: configured } = await run('npm', ['config', 'get', 'registry'], { cwd: outside });
const packed = await packAll(join(root, '.converge/quickstart'));
const registry = packedRegistry(packed, configured.trim());
await registry.server.start();

const httpPort = await freePort();
const nodeFirst = `${dirname(nodePath)}:${process.env['PATH'] ?? ''}`;
const env: NodeJS.ProcessEnv = {
  PATH: pathWithout(join(outside, 'bin'), nodeFirst, /^(java|javac|mvn|docker|converge)/),
  HOME: join(outside, 'home'),
  LANG: 'C.UTF-8',
  npm_config_registry: registry.url(),
  npm_config_cache: join(outside, 'npm-cache'),
  npm_config_update_notifier: 'false',
  npm_config_fund: 'false',
  npm_config_audit: 'false',
  CONVERGE__HTTP__PORT: String(httpPort),
  // The guide keeps events in Postgres; with brokers the same steps run on Kafka.
  ...(process.env['KAFKA_BROKERS'] !== undefined && { KAFKA_BROKERS: process.env['KAFKA_BROKERS'] }),
};
const service = join(outside, NAME);

/** Runs one line of the guide, and prints its time. */
async function step(line: string, cwd: string): Promise<string> {
  const start = performance.now();
  const [command = '', ...args] = line.split(' ');
  try {
    const { stdout } = await run(command, args, { cwd, env, maxBuffer: 64 * 1024 * 1024 });
    say(`${seconds(start)}  ${line}`);
    return stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`\`${line}\` failed:\n${stdout}\n${stderr}`, { cause: error });
  }
}

function seconds(start: number): string {
  return `${((performance.now() - start) / 1_000).toFixed(1).padStart(6)} s`;
}

try {
  await step('node --version', outside).then((version) => say(`          ${version.trim()}`));
  await step(`npx --yes convergekit init ${NAME}`, outside);
  await step('npm install', service);
  await step('npm run check', service);
  await step('npm test', service);
  const start = performance.now();
  const dev = spawn('npm', ['run', 'dev'], {
    cwd: service,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let log = '';
  for (const stream of [dev.stdout, dev.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (log += text));
  const ended = new Promise<number | null>((resolve) => dev.on('close', resolve));
  try {
    const failed = ended.then((code) => {
      throw new Error(`\`npm run dev\` ended with ${String(code)}:\n${log}`);
    });
    await Promise.race([
      failed,
      checkOrders(`http://127.0.0.1:${httpPort}/orders`, (what) =>
        say(`${seconds(start)}  npm run dev: ${what}`),
      ),
    ]);
    failed.catch(() => undefined);
  } finally {
    // Ctrl-C reaches every process of the terminal.
    if (dev.pid !== undefined && dev.exitCode === null) process.kill(-dev.pid, 'SIGINT');
    await ended;
    say(`${seconds(start)}  npm run dev: ended by Ctrl-C`);
  }
  const megabytes = (registry.tarballBytes() / 1_000_000).toFixed(1);
  say(`${seconds(began)}  in all; ${megabytes} MB were downloaded`);
} finally {
  await registry.server.stop();
  await rm(outside, { recursive: true, force: true });
}
process.exit();
