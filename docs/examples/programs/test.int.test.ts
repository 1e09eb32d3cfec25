import { applyOne, serviceDatabase, withPostgres } from '@convergekit/testing';
import { BusinessRejection, defineConsumer, defineEvent } from 'convergekit';
import { expect, it } from 'vitest';
import { z } from 'zod';

const data = z.object({ id: z.string(), cents: z.int().positive() });
const placed = defineEvent('order.placed', { topic: 'orders', key: ({ id }) => id, data });
type Tables = Record<'charges', z.infer<typeof data>>;

// What is tested. In your service it is in a file of its own, which the test imports.
const payments = defineConsumer<Tables>('payments').on(placed, async ({ data }, { tx }) => {
  if (data.cents > 100_000) throw new BusinessRejection('over the limit of this card');
  await tx.insertInto('charges').values(data).execute();
});

it('payments charges an order once, and refuses one over the limit', async () => {
  await withPostgres(async (url) => {
    const database = await serviceDatabase<Tables>(url, 'create table charges (id text, cents int)');
    const [small, large] = [placed({ id: 'small', cents: 4_200 }), placed({ id: 'large', cents: 420_000 })];
    for (const kind of ['applied', 'duplicate'])
      expect(await applyOne(database, payments, small)).toMatchObject({ kind });
    expect(await applyOne(database, payments, large)).toMatchObject({ kind: 'rejected', written: {} });
    await database.close();
  });
}, 60_000);

// The Postgres of all tests is the given one here; the lines above are the page's.
import { afterAll, beforeAll, inject, vi } from 'vitest';
beforeAll(() => void vi.stubEnv('DATABASE_URL', inject('stack').databaseUrl));
afterAll(() => vi.unstubAllEnvs());
