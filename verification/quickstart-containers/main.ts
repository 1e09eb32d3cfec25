/**
 * Runs the Dockerfile and the compose file that `converge init` writes, from packed packages, and places the orders of the
 * guide. It needs a Docker engine on this machine, and the ports 3000 and 9000. `make quickstart-containers`.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { newcomer, say, seconds } from '../quickstart/newcomer.ts';
import { checkOrders, ORDERS } from '../quickstart/orders.ts';

const began = performance.now();
const { outside, name, service, env, step, close } = await newcomer(/^(java|javac|mvn|converge)/);
Object.assign(env, { DOCKER_HOST: process.env['DOCKER_HOST'], DOCKER_BUILDKIT: '1' });

/** The registry is on this machine, so the build uses its network. */
const override = { services: { migrate: { build: { network: 'host' } } } };
const compose = `docker compose --file compose.yaml --file build.json --project-name ${name}-${process.pid}`;

try {
  await step(`npx --yes convergekit init ${name}`, outside);
  await step('npm install --ignore-scripts', service);
  await writeFile(join(service, 'build.json'), JSON.stringify(override));
  try {
    await step(`${compose} up --build --detach`, service);
    await checkOrders('http://127.0.0.1:3000/orders', ORDERS, (what) => say(`${seconds(began)}  ${what}`));
    const health = await (await fetch('http://127.0.0.1:9000/readyz')).text();
    say(`${seconds(began)}  /readyz: ${health.trim()}`);
    await step(`${compose} stop`, service);
    say(await step(`${compose} ps --all --format {{.Service}}:{{.ExitCode}}`, service));
  } catch (error) {
    say(await step(`${compose} logs --tail 40`, service));
    throw error;
  } finally {
    await step(`${compose} down --volumes --rmi local`, service);
  }
  say(`${seconds(began)}  in all`);
} finally {
  await close();
}
process.exit();
