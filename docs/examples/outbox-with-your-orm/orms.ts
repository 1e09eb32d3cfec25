import { type EntityManager as MikroManager, MikroORM } from '@mikro-orm/postgresql';
import { PrismaPg } from '@prisma/adapter-pg';
import { executorFrom } from 'convergekit/orm';
import knexOf, { type Knex } from 'knex';
import { DataSource, type EntityManager } from 'typeorm';
import { type Prisma, PrismaClient } from './prisma/generated/client.ts';
import type { OrmTransaction, OrmUnderTest } from './under-test.ts';
import * as withKnex from './with-knex.ts';
import * as withMikroOrm from './with-mikro-orm.ts';
import * as withPrisma from './with-prisma.ts';
import * as withTypeOrm from './with-typeorm.ts';

/** The ORMs that open their own pool. */
export const openTypeOrm = async (url: string): Promise<OrmUnderTest> => {
  const source = await new DataSource({ type: 'postgres', url, entities: [withTypeOrm.orders] }).initialize();
  const wrap = (manager: EntityManager): OrmTransaction => ({
    insert: (order) => manager.insert(withTypeOrm.orders, order),
    executor: () => executorFrom.typeorm(manager),
    savepoint: (work) => manager.transaction((inner) => work(wrap(inner))),
  });
  return {
    place: (order) => withTypeOrm.place(source, order),
    transaction: (work) => source.transaction((manager) => work(wrap(manager))),
    outside: () => executorFrom.typeorm(source.manager),
    close: () => source.destroy(),
  };
};

export const openKnex = (url: string): OrmUnderTest => {
  const knex = knexOf({ client: 'pg', connection: url });
  const wrap = (trx: Knex.Transaction): OrmTransaction => ({
    insert: (order) => trx('orders').insert(order),
    executor: () => executorFrom.knex(trx),
    savepoint: (work) => trx.transaction((inner) => work(wrap(inner))),
  });
  return {
    place: (order) => withKnex.place(knex, order),
    transaction: (work) => knex.transaction((trx) => work(wrap(trx))),
    outside: () => executorFrom.knex(knex),
    close: () => knex.destroy(),
  };
};

export const openMikroOrm = async (url: string): Promise<OrmUnderTest> => {
  const orm = await MikroORM.init({ clientUrl: url, entities: [withMikroOrm.orders] });
  const wrap = (em: MikroManager): OrmTransaction => ({
    insert: async (order) => {
      em.create(withMikroOrm.orders, order);
      await em.flush();
    },
    executor: () => executorFrom.mikroOrm(em),
    savepoint: (work) => em.transactional((inner) => work(wrap(inner))),
  });
  return {
    place: (order) => withMikroOrm.place(orm, order),
    transaction: (work) => orm.em.fork().transactional((em) => work(wrap(em))),
    outside: () => executorFrom.mikroOrm(orm.em.fork()),
    close: () => orm.close(),
  };
};

export const openPrisma = (url: string): OrmUnderTest => {
  const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: url }) });
  const wrap = (tx: Prisma.TransactionClient): OrmTransaction => ({
    insert: (order) => tx.order.create({ data: order }),
    executor: () => executorFrom.prisma(tx),
    // Prisma has no savepoints of its own in an interactive transaction.
    savepoint: async (work) => {
      await tx.$executeRawUnsafe('savepoint one');
      await work(wrap(tx)).catch(async (error: unknown) => {
        await tx.$executeRawUnsafe('rollback to savepoint one');
        throw error;
      });
    },
  });
  return {
    place: (order) => withPrisma.place(prisma, order),
    transaction: (work) => prisma.$transaction((tx) => work(wrap(tx))),
    outside: () => executorFrom.prisma(prisma),
    close: () => prisma.$disconnect(),
  };
};
