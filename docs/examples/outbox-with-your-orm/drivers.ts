import { executorFrom } from 'convergekit/orm';
import { drizzle, type NodePgDatabase, type NodePgTransaction } from 'drizzle-orm/node-postgres';
import { sql as drizzleSql } from 'drizzle-orm';
import { Kysely, PostgresDialect, type Transaction } from 'kysely';
import pg, { type PoolClient } from 'pg';
import type { OrmTransaction, OrmUnderTest } from './under-test.ts';
import * as withDrizzle from './with-drizzle.ts';
import * as withKysely from './with-kysely.ts';
import * as withPg from './with-pg.ts';

/** The clients that use pg's pool directly: pg itself, Kysely, Drizzle. */
export const openPg = (url: string): OrmUnderTest => {
  const pool = new pg.Pool({ connectionString: url });
  return {
    place: (order) => withPg.place(pool, order),
    transaction: async (work) => {
      const client = await pool.connect();
      try {
        await client.query('begin');
        await work(pgTransaction(client));
        await client.query('commit');
      } catch (error) {
        await client.query('rollback');
        throw error;
      } finally {
        client.release();
      }
    },
    outside: () => executorFrom.pg(pool),
    close: () => pool.end(),
  };
};

function pgTransaction(client: PoolClient): OrmTransaction {
  const tx: OrmTransaction = {
    insert: ({ id, cents }) => client.query('insert into orders values ($1, $2)', [id, cents]),
    executor: () => executorFrom.pg(client),
    savepoint: async (work) => {
      await client.query('savepoint one');
      try {
        await work(tx);
      } catch (error) {
        await client.query('rollback to one');
        throw error;
      }
    },
  };
  return tx;
}

export const openKysely = (url: string): OrmUnderTest => {
  const pool = new pg.Pool({ connectionString: url });
  const db = new Kysely<withKysely.ShopDb>({ dialect: new PostgresDialect({ pool }) });
  return {
    place: async (order) => {
      await withKysely.place(db, order);
      await withKysely.placeInMine(db, { ...order, id: `${order.id}, mine` });
    },
    transaction: async (work) => {
      const tx = await db.startTransaction().execute();
      try {
        await work({
          ...kyselyTransaction(tx),
          savepoint: async (inner) => {
            const point = await tx.savepoint('one').execute();
            await inner(kyselyTransaction(point)).catch(async (error: unknown) => {
              await point.rollbackToSavepoint('one').execute();
              throw error;
            });
          },
        });
        await tx.commit().execute();
      } catch (error) {
        await tx.rollback().execute();
        throw error;
      }
    },
    outside: () => executorFrom.kysely(db as unknown as Transaction<unknown>),
    close: () => db.destroy(),
  };
};

function kyselyTransaction(tx: Transaction<withKysely.ShopDb>): OrmTransaction {
  return {
    insert: (order) => tx.insertInto('orders').values(order).execute(),
    executor: () => executorFrom.kysely(tx),
    savepoint: () => Promise.reject(new Error('not used')),
  };
}

export const openDrizzle = (url: string): OrmUnderTest => {
  const pool = new pg.Pool({ connectionString: url });
  const db: NodePgDatabase = drizzle(pool);
  type Tx = NodePgTransaction<Record<string, never>, Record<string, never>>;
  const wrap = (tx: Tx): OrmTransaction => ({
    insert: (order) => tx.insert(withDrizzle.orders).values(order),
    executor: () => executorFrom.drizzle(tx, drizzleSql),
    savepoint: (work) => tx.transaction((inner) => work(wrap(inner))),
  });
  return {
    place: (order) => withDrizzle.place(db, order),
    transaction: (work) => db.transaction((tx) => work(wrap(tx as Tx))),
    outside: () => executorFrom.drizzle(db as unknown as Tx, drizzleSql),
    close: () => pool.end(),
  };
};
