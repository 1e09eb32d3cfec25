import { randomBytes } from 'node:crypto';
import { freePorts } from '@convergekit/testing/engine';
import { Child, serviceFile } from '../../process.ts';
import type { Run } from '../../types.ts';
import { type Access, accessLines, consoleEnv } from './access.ts';
import type { Shop } from './shop.ts';

/** Keeps a shop up until the run is interrupted, with a console, and shows how to reach it. */
export async function startConsole(shop: Shop, { progress, signal, folder, defer }: Run): Promise<void> {
  const { ordersUrl, providerUrl } = shop;
  progress.note(`orders:    POST ${ordersUrl}/orders (Idempotency-Key), GET ${ordersUrl}/orders/:id`);
  progress.note(`provider:  PUT ${providerUrl}/admin/behaviour {"mode":"decline"}`);
  const [port = 0, healthPort = 0] = await freePorts(2);
  const access: Access = {
    ...{ urls: shop.urls, log: shop.log.env },
    console: { port, token: randomBytes(8).toString('hex') },
  };
  const spec = { name: 'console', main: serviceFile('console/src/main.ts'), healthPort };
  const shown = new Child({ ...spec, env: consoleEnv(access, healthPort) }, folder);
  shown.start();
  defer(() => shown.stop());
  for (const line of accessLines(access)) progress.note(line);
  for (const { spec: one } of shop.children)
    progress.note(`health:    http://127.0.0.1:${one.healthPort}/readyz  ${one.name}`);
  progress.note('Ctrl-C stops everything');
  if (!signal.aborted)
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
}
