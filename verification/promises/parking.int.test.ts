import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { defineConsumer } from 'convergekit';
import { faultProxy, waitUntil } from '@convergekit/testing';
import { connect } from '@convergekit/postgres';
import { note, type LedgerDb } from '../../libs/inbox/src/fixture/ledger.ts';
import { Counting, failing, partitionOf } from './fixture/consumers.ts';

let stock: Counting;
beforeEach(async () => {
  stock = await Counting.open();
});
afterEach(() => stock.scene.close());

type Service = Awaited<ReturnType<Counting['start']>>;
const paused = (service: Service, code: string) =>
  waitUntil(
    () => {
      const now = partitionOf(service);
      return now?.state === 'paused' && now.code === code;
    },
    { what: `the pause ${code}` },
  );
const at = (service: Service, offset: number) =>
  waitUntil(() => (partitionOf(service)?.nextOffset ?? 0n) >= BigInt(offset), { what: `offset ${offset}` });
/** The pauses of a partition end after half a second, and no later. */
const shortest = (): number => 0;
const keyed = (count: number, keys: number) =>
  Array.from({ length: count }, (_, n) => [`k${n % keys}`, n] as const);

// Planted faults: a key that is not parked stops all keys; one that is not held lets 5 overtake 1.
it('G5a: a failing event holds back its own key, in order, all others proceed, and each takes effect once when the failure is over', async () => {
  let broken = true;
  stock.throws = (key) => (broken && key === 'k1' ? failing('AWAY', 'network') : undefined);
  const service = await stock.start();
  await stock.emit(...keyed(40, 4));
  await at(service, 40);
  expect(await stock.applied()).toEqual(Array.from({ length: 40 }, (_, n) => n).filter((n) => n % 4 !== 1));
  expect((await stock.parked()).map(({ key }) => key)).toEqual(Array(10).fill('k1'));
  broken = false;
  await stock.until(10, 'k1');
  await stock.emit(['k1', 41], ['k1', 45]);
  await stock.until(12, 'k1');
  expect(await stock.applied('k1')).toEqual(Array.from({ length: 12 }, (_, n) => 4 * n + 1));
  expect([await stock.parked(), await stock.failures()]).toEqual([[], []]);
});

it('G5a: an event of a key beyond its cap waits by reference to the log, in its place', async () => {
  let broken = true;
  stock.throws = (key) => (broken && key === 'k0' ? failing('AWAY') : undefined);
  const service = await stock.start({ parking: { maxRowsPerKey: 3 } });
  await stock.emit(...keyed(24, 2));
  await at(service, 24);
  expect(await stock.applied()).toHaveLength(12);
  broken = false;
  await stock.until(24);
  expect(await stock.applied('k0')).toEqual(Array.from({ length: 12 }, (_, n) => 2 * n));
});

it('G5a: a failure of configuration is no event’s: it stops the consumer, and nothing is parked', async () => {
  stock.throws = () => failing('PAYMENT_URL', 'configuration');
  const service = await stock.start();
  await stock.emit(['a', 1]);
  await expect(service.done).rejects.toMatchObject({ code: 'CONSUMER_STOPPED' });
  expect([await stock.applied(), await stock.parked()]).toEqual([[], []]);
});

describe('a partition that pauses', () => {
  it('G5b: a partition pauses at an open breaker, parks nothing, and continues where it was', async () => {
    let open = true;
    stock.throws = (_, n) =>
      open && n === 3 ? failing('BREAKER_OPEN', 'service', { retryAfterMs: 60 }) : undefined;
    const service = await stock.start({ random: shortest });
    await stock.emit(...keyed(8, 8));
    await paused(service, 'breaker_open');
    expect([partitionOf(service)?.nextOffset, await stock.parked()]).toEqual([3n, []]);
    open = false;
    await stock.until(8);
    expect(await stock.applied()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('G5b: a partition pauses at the cap of parked events, and continues when there is room', async () => {
    stock.throws = (key) => (key === 'k0' ? failing('AWAY') : undefined);
    const service = await stock.start({ random: shortest, parking: { maxRows: 4 } });
    await stock.emit(...keyed(20, 2));
    // The fifth event of the key (n = 8) finds no room; everything before it took effect.
    await at(service, 8);
    await paused(service, 'parked_cap');
    expect([partitionOf(service)?.nextOffset, (await stock.parked()).length]).toEqual([8n, 4]);
    stock.throws = () => undefined;
    await stock.until(20);
    for (const key of ['k0', 'k1'])
      expect(await stock.applied(key)).toEqual((await stock.applied(key)).toSorted((a, b) => a - b));
  });

  // Planted fault: without a rate for each handler, what the other handler handles hides this one.
  it.each([1, 2])(
    'G5b: a partition pauses when key after key of a consumer of %i handlers fails, and one success lets it continue',
    async (handlers) => {
      let broken = true;
      const { counted, priced } = stock.events;
      const only = stock.consumer();
      const both = defineConsumer<LedgerDb>(stock.name, { from: 'first' })
        .on(priced, (event, { tx }) => note(tx, event))
        .on(counted, async (event, { tx }) => {
          if (broken) throw failing('AWAY');
          await note(tx, event);
        });
      stock.throws = () => (broken ? failing('AWAY') : undefined);
      const service = await stock.scene.consume([handlers === 1 ? only : both], {
        sliceSize: 1,
        random: shortest,
        parking: { systemic: { keys: 5, withinMs: 60_000 } },
      });
      for (let n = 0; n < 15; n += 1) {
        if (handlers === 2) await stock.scene.emit(priced({ key: `p${n}`, n: 100 + n }));
        await stock.emit([`k${n}`, n]);
      }
      await paused(service, 'systemic_fault');
      expect(new Set((await stock.parked()).map(({ key }) => key)).size).toBe(4);
      expect(partitionOf(service)?.nextOffset).toBe(BigInt(handlers === 1 ? 4 : 9));
      broken = false;
      await stock.until(handlers * 15);
      expect([await stock.parked(), await stock.failures()]).toEqual([[], []]);
    },
  );
});

// Planted fault: an outage that counts against the event leaves dead letters here.
it('G5q: a consumer waits for the end of an outage of its database, gives up no event, and handles each once', async () => {
  const target = new URL(stock.scene.url);
  const proxy = await faultProxy({ target: target.host });
  const through = new URL(target);
  through.host = proxy.address;
  const database = connect<LedgerDb>({ url: through.href, connectTimeoutMs: 500, applicationName: 'cut' });
  try {
    const service = await stock.start({ database });
    await stock.emit(['a', 1]);
    await stock.until(1);
    proxy.cut();
    await stock.emit(['a', 2], ['b', 3]);
    await waitUntil(() => service.status()[0]?.state === 'waiting', { what: 'the consumer to wait' });
    expect(await stock.parked()).toEqual([]);
    proxy.restore();
    await stock.until(3);
    expect([await stock.applied(), await stock.parked(), await stock.failures()]).toEqual([
      [1, 2, 3],
      [],
      [],
    ]);
    await stock.scene.stop(service);
  } finally {
    await database.close();
    await proxy.close();
  }
});
