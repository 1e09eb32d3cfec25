import { Hono } from 'hono';
import { expect, it } from 'vitest';
import { serveApp } from '../../../../libs/kit/src/fixture/serve-app.ts';
import { providerLedger } from './provider-ledger.ts';

/** A clock that stands still, and notes for how long it is asked to wait. */
function stillClock() {
  const waits: number[] = [];
  return {
    waits,
    now: () => 0,
    monotonic: () => 0,
    sleep: (ms: number) => Promise.resolve(void waits.push(ms)),
  };
}

// Planted fault: without the bucket no call waits.
it('calls beyond the burst wait for their turn, whichever call they are', async () => {
  const app = new Hono();
  app.get('/charges', (context) => context.json({ charges: [], next: null }));
  app.get('/charges/:key', (context) => context.json({ error: 'no such charge' }, 404));
  const server = await serveApp(() => app);
  const clock = stillClock();
  const ledger = providerLedger(`http://127.0.0.1:${server.port}`, { perSecond: 10, burst: 2 }, clock);
  expect(await ledger.list(null)).toEqual({ charges: [], next: null });
  expect(await ledger.find('a')).toBeNull();
  await ledger.list('a');
  await ledger.find('b');
  expect(clock.waits).toEqual([0, 0, 100, 200]);
  await server.stop();
});

it('a refusal of the provider is an error with its status, and no empty page', async () => {
  const app = new Hono();
  app.get('/charges', (context) => context.json({}, 429));
  const server = await serveApp(() => app);
  const ledger = providerLedger(`http://127.0.0.1:${server.port}`, { perSecond: 10, burst: 2 }, stillClock());
  await expect(ledger.list(null)).rejects.toMatchObject({ status: 429 });
  await server.stop();
});
