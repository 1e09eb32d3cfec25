import { connect, type Database, migrate } from '@convergekit/postgres';
import { freshDatabase } from '@convergekit/testing';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { allMigrations } from '../../frame/all-migrations.ts';
import { DUTIES, roleSql } from './role-files.ts';

let database: Database;

beforeAll(async () => {
  database = connect({ url: await freshDatabase(inject('stack').databaseUrl) });
  await migrate(database, allMigrations);
  for (const duty of DUTIES) await database.executor.query(roleSql(duty));
  // Without a leader nothing beyond the identity is read.
  await database.executor.query('update converge.relay_source set term = 1');
});
afterAll(() => database.close());

/** Runs a statement as a role, and rolls it back. Returns its SQLSTATE; '00000' is none. */
async function as(role: string, statement: string): Promise<string> {
  const client = await database.acquire();
  try {
    await client.query('begin');
    await client.query(`set local role ${role}`);
    await client.query(statement);
    return '00000';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  } finally {
    await client.query('rollback');
    client.release();
  }
}

const uuid = '01990000-0000-7000-8000-000000000001';

describe('a reconciler', () => {
  // Planted fault: without the grant on relay_count the first one is refused (42501).
  it.each([
    ['the frontier of a topic', `select converge.frontier('t', '{k}')`],
    [
      'events since a snapshot',
      `select converge.events_since('t', '{k}', pg_current_snapshot(), '${uuid}', 1)`,
    ],
    ['the place of a consumer', `select converge.inbox_arrival('c', 't', '${uuid}', '{0,1}')`],
    ['parked keys', `select converge.inbox_parked('c', 't', '{k}')`],
    ['open steps', `select converge.saga_open('{k}')`],
  ])('a reconciler looks at %s with the rights of a reader', async (_name, statement) => {
    expect(await as('converge_reconciler', statement)).toBe('00000');
    expect(await as('converge_read', statement)).toBe('00000');
  });

  it.each([
    ['move a cursor', 'update converge.relay_cursor set id = 9'],
    ['move a watermark', 'update converge.inbox_watermark set id = 9'],
    ['release a parked key', 'delete from converge.parked_key'],
    ['end a step', `update converge.saga_fence set state = 'applied'`],
    ['read the input of a call', 'select input from converge.saga_work'],
  ])('a reconciler cannot %s', async (_name, statement) =>
    expect(await as('converge_reconciler', statement)).toBe('42501'),
  );
});
