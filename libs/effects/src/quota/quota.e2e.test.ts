import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Database } from '@convergekit/postgres';
import { waitUntil } from '@convergekit/testing';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { Provider } from '../fixture/provider.ts';
import { ended, outcomes, request, type SceneDb, sceneDatabase, sceneEffects } from '../fixture/scene.ts';
import type { Quota } from './quota.ts';

const program = fileURLToPath(new URL('../fixture/worker-process.ts', import.meta.url));
/** So slow that the slowest machine would exceed it. */
const quota: Quota = { name: 'provider', perSecond: 4, burst: 4 };

describe('the quota of a provider', () => {
  let provider: Provider;
  let database: Database<SceneDb>;
  let url: string;
  let providerUrl: string;
  const children: ChildProcess[] = [];

  beforeEach(async () => {
    provider = new Provider();
    ({ url, database } = await sceneDatabase(inject('stack').databaseUrl));
    providerUrl = await provider.start();
  });
  afterEach(async () => {
    for (const child of children.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await provider.stop();
    await database.close();
  });

  async function startWorker(): Promise<ChildProcess> {
    const calls = { PROVIDER_URL: providerUrl, QUOTA: JSON.stringify(quota), CALL_MS: '60000' };
    const settings = { DATABASE_URL: url, ...calls };
    const LOG_LEVEL = process.env['CHILD_LOG'] ?? 'silent';
    const env = { ...process.env, NODE_OPTIONS: '--conditions=source', ...settings, LOG_LEVEL };
    const child = spawn(process.execPath, [program], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    await waitUntil(
      async () => {
        const { value } = (await child.stdout.iterator({ destroyOnReturn: false }).next()) as {
          value: unknown;
        };
        return String(value).includes('ready');
      },
      { what: 'the worker to be ready' },
    );
    return child;
  }

  // Planted faults: a quota of each process is exceeded twice over; attempts that only the claim counts exceed it by the retries.
  it('S6, G6n: two worker processes never send a provider more than its quota, with retries and queries', async () => {
    const effects = sceneEffects(providerUrl);
    const keys = (prefix: string, count: number) => Array.from({ length: count }, (_, n) => `${prefix}${n}`);
    await request(database, effects.keyed, keys('k', 8));
    await request(database, effects.plain, keys('p', 4));
    provider.modes.set('keyed', ['fail', 'reply_lost', 'fail', 'reply_lost', 'fail']);
    provider.modes.set('plain', ['reply_lost']);
    await database.executor.query(`update converge.saga_work set due_at = 'infinity'`);
    const workers = await Promise.all([startWorker(), startWorker()]);
    const begun = performance.now();
    await database.executor.query(`update converge.saga_work set due_at = clock_timestamp()`);
    await ended(database, ['done']);
    for (const worker of workers) {
      worker.kill('SIGTERM');
      expect((await once(worker, 'exit'))[0]).toBe(0);
    }
    expect((await outcomes(database)).length).toBe(12);
    expect(provider.requests.length).toBeGreaterThan(15);
    // A request arrives after its call was taken, however late: no load of the machine brings it forward.
    const allowed = (at: number) => quota.burst + (quota.perSecond * (at - begun)) / 1_000;
    const excess = provider.requests.map((at, index) => index + 1 - allowed(at));
    expect(Math.max(...excess)).toBeLessThanOrEqual(0);
  });
});
