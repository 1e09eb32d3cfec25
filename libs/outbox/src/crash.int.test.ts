import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { waitUntil } from '@convergekit/testing';
import { expect, inject, it } from 'vitest';
import { keysOf, openShop, ordersOf, type Shop } from './fixture/shop.ts';

const script = new URL('./fixture/crash-writer.ts', import.meta.url).pathname;

/** Starts a writer, kills the process after `acknowledged` reported commits, and returns the reports. */
async function writeAndDie(url: string, prefix: string, acknowledged: number): Promise<string[]> {
  const child = spawn(process.execPath, ['--conditions=source', script, url, prefix], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const said: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    said.push(line);
    // SIGKILL with four transactions in flight: before, in, and after their COMMIT.
    if (said.length === acknowledged) child.kill('SIGKILL');
  });
  expect(await exited).toEqual([null, 'SIGKILL']);
  return said;
}

async function settled({ database }: Shop): Promise<void> {
  const others = `select 1 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'`;
  await waitUntil(async () => (await database.executor.query(others)).rowCount === 0, {
    what: 'the killed sessions to end',
  });
}

/** The kills: at the 10th to the 143rd reported commit. */
const KILLS = Array.from({ length: 20 }, (_, round) => 10 + 7 * round).filter(
  (_, round) => inject('full') || round % 4 === 0,
);

// Planted fault: events that another connection writes just before the commit outlive their orders here.
it('C1, G1a: after kills around commits, every order has its event and every event its order', async () => {
  const { url, ...shop } = await openShop(inject('stack').databaseUrl);
  try {
    const said: string[] = [];
    for (const [round, acknowledged] of KILLS.entries())
      said.push(...(await writeAndDie(url, `r${round}`, acknowledged)));
    await settled(shop);
    const orders = await ordersOf(shop);
    const keys = (await keysOf(shop)).toSorted();
    expect(keys).toEqual(orders.toSorted());
    expect(said.filter((id) => !keys.includes(id))).toEqual([]);
    expect(keys.length).toBeGreaterThanOrEqual(said.length);
  } finally {
    await shop.database.close();
  }
});
