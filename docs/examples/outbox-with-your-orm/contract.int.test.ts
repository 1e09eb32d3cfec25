/** The adapters of `executorFrom`, and the functions of the guide, with each ORM on a real Postgres. */
// Seen to fail: an array that Drizzle writes as a list; Knex with the values in another order; a pool of pg that is accepted.
import { connect, migrate, outboxMigrations } from 'convergekit/postgres';
import type { Database } from 'convergekit';
import { freshDatabase } from '@convergekit/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { openDrizzle, openKysely, openPg } from './fixture/drivers.ts';
import { orderPlaced, outbox } from '../order-placed.ts';
import { openKnex, openMikroOrm, openPrisma, openTypeOrm } from './fixture/orms.ts';
import type { OrmTransaction, OrmUnderTest } from './fixture/under-test.ts';

const ORMS: readonly (readonly [string, (url: string) => OrmUnderTest | Promise<OrmUnderTest>])[] = [
  ['pg', openPg],
  ['Kysely', openKysely],
  ['Drizzle', openDrizzle],
  ['TypeORM', openTypeOrm],
  ['Knex', openKnex],
  ['MikroORM', openMikroOrm],
  ['Prisma', openPrisma],
];

let database: Database;
let url: string;
beforeAll(async () => {
  url = await freshDatabase(inject('stack').databaseUrl, 'orms');
  database = connect({ url });
  await migrate(database, [outboxMigrations]);
  await database.executor.query('create table orders (id text primary key, cents int not null)');
});
beforeEach(() => database.executor.query('truncate orders, converge.outbox').then(() => undefined));
afterAll(async () => {
  await database.close();
  // MikroORM sets it when it is loaded.
  delete process.env['MIKRO_ORM_COLORS'];
});

const list = async (text: string): Promise<string[]> =>
  (await database.executor.query<{ id: string }>(text)).rows.map(({ id }) => id);
const orders = () => list('select id from orders order by id');
/** The keys of the events, in the order of the outbox. */
const events = () => list('select o.key as id from converge.outbox o order by o.id');

async function place(tx: OrmTransaction, id: string, cents = 1): Promise<void> {
  await tx.insert({ id, cents });
  await outbox.append(tx.executor(), [orderPlaced({ id, cents })]);
}

describe.each(ORMS)('events in a transaction of %s', (name, open) => {
  let orm: OrmUnderTest;
  beforeAll(async () => {
    orm = await open(url);
  });
  afterAll(() => orm.close().then(() => undefined));

  test(`N6, G1b: the function of the guide for ${name} writes the order and its event`, async () => {
    await orm.place({ id: 'a', cents: 5 });
    expect(await orders()).toContain('a');
    expect((await events()).toSorted()).toEqual(await orders());
    const { rows } = await database.executor.query("select payload from converge.outbox where key = 'a'");
    expect(rows).toEqual([{ payload: '{"id":"a","cents":5}' }]);
  });

  test(`N6, G1b: a transaction of ${name} that fails leaves neither the order nor the event`, async () => {
    const failed = orm.transaction(async (tx) => {
      await place(tx, 'a');
      throw new Error('undo');
    });
    await expect(failed).rejects.toThrow('undo');
    expect([await orders(), await events()]).toEqual([[], []]);
  });

  test(`G1b: a savepoint of ${name} that fails takes its event with it, and no other`, async () => {
    await orm.transaction(async (tx) => {
      const undone = tx.savepoint(async (inner) => {
        await place(inner, 'undone');
        throw new Error('undo');
      });
      await expect(undone).rejects.toThrow('undo');
      await place(tx, 'kept');
    });
    expect([await orders(), await events()]).toEqual([['kept'], ['kept']]);
  });

  test(`two events of a key keep their order in a transaction of ${name}, and the next one comes after them`, async () => {
    const append = (...cents: readonly number[]) =>
      orm.transaction(async (tx) => {
        await outbox.append(
          tx.executor(),
          cents.map((each) => orderPlaced({ id: 'a', cents: each })),
        );
      });
    await append(1, 2);
    await append(3);
    expect(
      await list(`select o.payload::json ->> 'cents' as id from converge.outbox o order by o.id`),
    ).toEqual(['1', '2', '3']);
  });

  test(`more events than one statement takes are written in a transaction of ${name}`, async () => {
    const ids = Array.from({ length: 5_001 }, (_, n) => `many ${n}`);
    await orm.transaction(async (tx) => {
      await outbox.append(
        tx.executor(),
        ids.map((id) => orderPlaced({ id, cents: 1 })),
      );
    });
    expect(await events()).toEqual(ids);
  });

  test(`G1b: what is no transaction of ${name} is refused, with the right thing to pass`, () => {
    expect(() => orm.outside()).toThrow(expect.objectContaining({ code: 'NO_TRANSACTION', category: 'bug' }));
  });
});
