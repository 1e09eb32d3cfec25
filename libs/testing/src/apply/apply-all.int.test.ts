import type { Database } from '@convergekit/postgres';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import {
  book,
  type BookDb,
  BOOK_TABLES,
  desk,
  DESK_TABLES,
  type DeskDb,
  opened,
  paidIn,
} from '../fixture/desk.ts';
import { serviceDatabase } from '../service-database.ts';
import { applyAll, ApplyAllError } from './apply-all.ts';

let desks: Database<DeskDb>;
let books: Database<BookDb>;
beforeEach(async () => {
  desks = await serviceDatabase<DeskDb>(inject('stack').databaseUrl, DESK_TABLES);
  books = await serviceDatabase<BookDb>(inject('stack').databaseUrl, BOOK_TABLES);
});
afterEach(async () => {
  await desks.close();
  await books.close();
});
const services = () =>
  [
    { database: desks, consumers: [desk] },
    { database: books, consumers: [book] },
  ] as const;
const events = () => [
  ...['a', 'b'].flatMap((key) => [1, 2, 7].map((n) => paidIn({ key, n }))),
  ...['a', 'b'].map((key) => opened({ key, n: 0 })),
];
const bookings = async (): Promise<readonly unknown[]> =>
  books.db.selectFrom('booking').select(['key', 'n']).orderBy('key').orderBy('n').execute();

describe('several services until quiet', () => {
  // In some orders, payments come before their account: they are parked, and tried again when all else is done.
  it.each(inject('full') ? [1, 2, 3, 4] : [1, 2])(
    'services come to the same end in random order with repeats, with seed %i',
    async (seed) => {
      const quiet = await applyAll(services(), events(), { seed, duplicates: 0.4 });
      expect(await desks.db.selectFrom('account').selectAll().orderBy('key').execute()).toEqual([
        { key: 'a', total: 3 },
        { key: 'b', total: 3 },
      ]);
      expect(await bookings()).toEqual(['a', 'b'].flatMap((key) => [-1, 1, 2].map((n) => ({ key, n }))));
      expect(quiet).toMatchObject({ seed, parked: [], openCalls: [] });
      expect(quiet.emitted).toHaveLength(6);
      expect(quiet.history.some((line) => line.includes(', again: duplicate'))).toBe(true);
    },
  );

  it('S63, N5: equal seeds deliver in the same order', async () => {
    const histories: unknown[] = [];
    for (let run = 0; run < 2; run += 1) {
      const own = await serviceDatabase<DeskDb>(inject('stack').databaseUrl, DESK_TABLES);
      const { history } = await applyAll([{ database: own, consumers: [desk] }], events(), { seed: 5 });
      histories.push(history);
      await own.close();
    }
    expect(histories[1]).toEqual(histories[0]);
  });

  it('what an outbox already holds is delivered, and nothing of it twice', async () => {
    await applyAll([services()[0]], [opened({ key: 'a', n: 0 }), paidIn({ key: 'a', n: 5 })], {
      order: 'given',
    });
    // The event was published before the second service was there: it is over.
    expect((await applyAll(services(), [])).history).toEqual([]);
  });

  it('a parked event that cannot be applied is left, and named', async () => {
    const quiet = await applyAll(services(), [paidIn({ key: 'none', n: 1 })]);
    expect(quiet.parked).toMatchObject([{ consumer: 'desk', key: 'none', state: 'waiting', code: 'BROKE' }]);
  });

  it('what must always hold is checked after every delivery, and its failure shows the seed and the history', async () => {
    const always = async (): Promise<void> => {
      const rows = await desks.db.selectFrom('account').select('total').execute();
      if (rows.some(({ total }) => total === 3)) throw new Error('a total of three');
    };
    const failed: unknown = await applyAll(services(), events(), {
      seed: 2,
      order: 'given',
      duplicates: 0,
      always,
    }).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(ApplyAllError);
    expect((failed as ApplyAllError).message).toMatch(
      /^a total of three\nafter \d+ deliveries:\n {2}desk\.paid-in \(a\) to desk: parked/,
    );
    expect((failed as ApplyAllError).message).toMatch(/\{ seed: 2 \}$/);
  });
});
