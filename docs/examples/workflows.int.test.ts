import { connect, migrate } from 'convergekit/postgres';
import { BusinessRejection, type Database } from 'convergekit';
import { inspectWorkflow } from '@convergekit/saga/operate';
import { sagaMigrations } from 'convergekit/process';
import { freshDatabase } from '@convergekit/testing';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type Clouds, tenants, type TenantsDb } from './workflows.ts';

/** The other systems, with what each was told; `no` is what they refuse. */
function clouds(no: string) {
  const told: string[] = [];
  const there = new Map<string, string>();
  const tell = (what: string): Promise<void> => {
    if (what === no) return Promise.reject(new BusinessRejection(`${what} is refused`));
    told.push(what);
    return Promise.resolve();
  };
  const made: Clouds = {
    buckets: {
      create: async (name) => {
        await tell('create bucket');
        there.set(name, `https://store/${name}`);
        return `https://store/${name}`;
      },
      remove: async (name) => {
        await tell('remove bucket');
        there.delete(name);
      },
      find: (name) => Promise.resolve(there.get(name)),
    },
    names: { point: () => tell('point name'), drop: () => tell('drop name') },
    bank: { subscribe: () => tell('subscribe').then(() => 's1'), cancel: () => tell('cancel') },
  };
  return { made, told };
}

describe('the example of "workflows"', () => {
  let database: Database<TenantsDb>;
  beforeAll(async () => {
    database = connect<TenantsDb>({ url: await freshDatabase(inject('stack').databaseUrl, 'guide') });
    await migrate(database, [sagaMigrations]);
    await database.executor.query('create table tenant (id text primary key, bucket text not null unique)');
  });
  afterAll(() => database.close());

  it('the example of “workflows” keeps all effects, and does nothing twice for a repeated request', async () => {
    const { made, told } = clouds('nothing');
    const { create } = tenants(made, database);
    const answer = { url: 'https://store/a', billed: true };
    expect([await create('a', 'paid'), await create('a', 'paid')]).toEqual([answer, answer]);
    expect(told).toEqual(['create bucket', 'point name', 'subscribe']);
  });

  it('the example of “workflows” continues without a subscription that is refused', async () => {
    const { made, told } = clouds('subscribe');
    expect(await tenants(made, database).create('b', 'paid')).toEqual({
      url: 'https://store/b',
      billed: false,
    });
    expect(told).toEqual(['create bucket', 'point name']);
  });

  it('S68: the example of “workflows” undoes all effects, the last one first, when the row cannot be written', async () => {
    const { made, told } = clouds('nothing');
    await database.db.insertInto('tenant').values({ id: 'other', bucket: 'https://store/c' }).execute();
    await expect(tenants(made, database).create('c', 'paid')).rejects.toMatchObject({
      code: 'WORKFLOW_COMPENSATED',
    });
    expect(told.slice(3)).toEqual(['cancel', 'drop name', 'remove bucket']);
    const verdict = await inspectWorkflow(database.executor, 'tenants.provision', 'c');
    expect(verdict).toMatchObject({ findings: [], record: { state: 'compensated' } });
  });
});
