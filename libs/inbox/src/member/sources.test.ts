import type { Executor } from '@convergekit/postgres';
import { expect, it } from 'vitest';
import type { Reading } from '../plan/reading.ts';
import { Sources } from './sources.ts';

/** A database that has what was pinned, and counts the statements that pin. */
function database() {
  const pinned: Record<string, string> = {};
  const seen = { pins: 0, fails: false };
  const query = async (text: string, values: readonly unknown[] = []) => {
    await Promise.resolve();
    if (!text.includes('update')) return { rows: [{ sources: { ...pinned } }], rowCount: 1 };
    seen.pins += 1;
    if (seen.fails) throw new Error('the database is away');
    const [, [source = ''], [name = '']] = values as [string, string[], string[]];
    pinned[source] = name;
    return { rows: [], rowCount: 1 };
  };
  return { seen, executor: { query } as unknown as Executor };
}

const from = (source: string) =>
  [{ claim: { source, sourceName: 'shop' }, content: { kind: 'event' } }] as unknown as readonly Reading[];
const sourcesOf = (executor: Executor): Sources =>
  new Sources(executor, { name: 'stock', sources: undefined, failureSources: {} }, { log: {} as never });

// Seen to fail with a statement of each partition: thousands waited for one row, and took all connections meanwhile.
it('a source that thousands of partitions meet at the same time is pinned by one statement', async () => {
  const { seen, executor } = database();
  const sources = sourcesOf(executor);
  await Promise.all(Array.from({ length: 5_000 }, () => sources.pin(from('a'))));
  expect([seen.pins, sources.pinned.get('a')]).toEqual([1, 'shop']);
  await sources.pin(from('b'));
  expect([seen.pins, sources.pinned.size]).toEqual([2, 2]);
});

it('a source whose pin failed is pinned by the next that meets it', async () => {
  const { seen, executor } = database();
  const sources = sourcesOf(executor);
  seen.fails = true;
  await expect(sources.pin(from('a'))).rejects.toThrow('the database is away');
  seen.fails = false;
  await sources.pin(from('a'));
  expect([...sources.pinned.keys()]).toEqual(['a']);
});
