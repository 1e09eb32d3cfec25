/**
 * The SQL of docs/runbooks/erase.sql: rows that mention a person in every column that can, ended and at work.
 * Planted faults: each statement was taken out, and the first test failed; each condition that spares what is at work was,
 * and the second one failed.
 */
import { readFileSync } from 'node:fs';
import { localMigrations } from '@convergekit/local';
import type { Database } from 'convergekit';
import { migrate } from 'convergekit/postgres';
import { migratedDatabase } from '@convergekit/testing/engine';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { allMigrations } from '../../libs/operate/src/all-migrations.ts';
import { openRows } from './erase-open-rows.ts';
import { endedRows, insert, json, PERSON, uuid } from './erase-rows.ts';

const file = readFileSync(new URL('erase.sql', import.meta.url), 'utf8');

let database: Database;
afterEach(() => database.close());

async function migrated(): Promise<Database> {
  const { database: opened } = await migratedDatabase(inject('stack').databaseUrl, allMigrations, {
    prefix: 'erase',
  });
  return opened;
}

/** An event of an outbox, published or not. */
async function writeEvent(id: number, topic = 'orders'): Promise<void> {
  await insert(database.executor, 'outbox', {
    event_id: uuid(id),
    topic,
    key: 'k',
    type: 't',
    headers: JSON.stringify({ name: PERSON }),
    payload: json,
    search: '{1}',
  });
}

/** The state that a relay saves when it has published everything so far. */
async function publish(): Promise<void> {
  await database.executor.query(
    `insert into converge.tick (number, snapshot, own, floor, ceil, nonce, epoch, term)
     values (1, pg_current_snapshot(), pg_current_xact_id(), 1, 1, '0000000000000001', 1, 1)`,
  );
  await database.executor.query('update converge.relay_source set done_tick = 1');
}

/** Runs the file as psql does: statement by statement of one session. Returns what its last statement lists. */
async function erase(person: string): Promise<readonly string[]> {
  const client = await database.acquire();
  try {
    await client.query("select set_config('converge.erase', $1, false)", [person]);
    await client.query(file.slice(0, file.lastIndexOf('select')));
    const { rows } = await client.query<{ relation: string; attribute: string }>(
      file.slice(file.lastIndexOf('select')),
    );
    return rows.map(({ relation, attribute }) => `${relation}.${attribute}`);
  } finally {
    client.release(true);
  }
}

/** Every row of the schema that mentions the person, as text or as bytes: nothing of the file is used. */
async function rowsWith(person: string): Promise<readonly string[]> {
  const { rows: tables } = await database.executor.query<{ name: string }>(
    `select c.relname as name from pg_class c
      where c.relnamespace = 'converge'::regnamespace and c.relkind = 'r' order by 1`,
  );
  expect(tables.length).toBeGreaterThan(30);
  const found: string[] = [];
  for (const { name } of tables) {
    const { rows } = await database.executor.query<{ row: string }>(
      `select t::text as row from converge.${name} t where t::text like $1 or t::text like $2 order by 1`,
      [`%${person}%`, `%${Buffer.from(person).toString('hex')}%`],
    );
    found.push(...rows.map(({ row }) => `${name}: ${row}`));
  }
  return found;
}

describe('the erasure of a person', () => {
  // Planted fault: the file without its search_path. The function of another role then runs with the rights of the owner.
  it('an erasure calls no function that another role made in the schema public', async () => {
    database = await migrated();
    await database.executor.query(
      `create function public.format(text, name) returns text language plpgsql
         as $$ begin raise exception 'a function of public ran as %', current_user; end $$`,
    );
    expect(await erase(PERSON)).toEqual([]);
  });

  it('after an erasure no table of the schema mentions the person', async () => {
    database = await migrated();
    for (const [table, row] of endedRows) await insert(database.executor, table, row);
    await writeEvent(1);
    await publish();
    const tables = (await rowsWith(PERSON)).map((row) => row.slice(0, row.indexOf(':')));
    expect(new Set(tables).size).toBeGreaterThanOrEqual(16);
    expect(await erase(PERSON)).toEqual([]);
    expect(await rowsWith(PERSON)).toEqual([]);
    const { rows } = await database.executor.query('select payload, headers, search from converge.outbox');
    expect(rows).toEqual([{ payload: '{"erased":true}', headers: '{}', search: null }]);
    // Planted fault: the steps leave. Later an undo, or a cancellation, is answered as if they had never taken effect.
    const fences = await database.executor.query(
      'select instance, state, intent, journal from converge.saga_fence order by instance',
    );
    expect(fences.rows).toEqual(
      ['ended', 'ended-here'].map((instance) => ({ instance, state: 'applied', intent: null, journal: [] })),
    );
  });

  // Planted fault: `mentions` without a form of `erase_form`. The row of that form keeps its message.
  it('an erasure finds the text as JSON writes it, once and twice, and with letters of ASCII alone', async () => {
    database = await migrated();
    const person = 'Zoë "Ada" 𝒵';
    const quoted = JSON.stringify({ name: person });
    const ascii = quoted.replace(/[^ -~]/gu, (letter) =>
      Array.from(
        { length: letter.length },
        (_, at) => `\\u${letter.charCodeAt(at).toString(16).padStart(4, '0')}`,
      ).join(''),
    );
    const messages = [
      person,
      quoted,
      JSON.stringify({ quoted }),
      ascii,
      ascii.replaceAll(/\\u[0-9a-f]{4}/g, (u) => `\\u${u.slice(2).toUpperCase()}`),
    ];
    const attempt = endedRows.find(([table]) => table === 'inbox_attempt')?.[1];
    await insert(database.executor, 'inbox_consumer', { name: 'mail' });
    for (const [at, message] of messages.entries())
      await insert(database.executor, 'inbox_attempt', { ...attempt, id: uuid(at), key: 'k', message });
    expect(new Set(messages).size).toBe(5);
    expect(await erase(person)).toEqual([]);
    const { rows } = await database.executor.query('select distinct message from converge.inbox_attempt');
    expect(rows).toEqual([{ message: 'erased' }]);
  });

  it('an erasure lists records of the log of local mode where it is in the same database', async () => {
    database = await migrated();
    await migrate(database, [localMigrations]);
    await database.executor.query('select converge_log.make_children()');
    await database.executor.query(
      `insert into converge_log.batch (topic_id, partition, last_offset, records, written_at, bytes)
       values (gen_random_uuid(), 0, 0, 1, clock_timestamp(), convert_to($1, 'UTF8'))`,
      [json],
    );
    expect(await erase(PERSON)).toEqual(['converge_log.batch.bytes']);
  });

  it('an erasure changes nothing that is still at work, and lists it', async () => {
    database = await migrated();
    // One event of a topic that is held, one after what was published.
    await writeEvent(1, 'held');
    await publish();
    await insert(database.executor, 'relay_topic', { topic: 'held', held_at: 1, held_reason: 'x', term: 1 });
    await writeEvent(2);
    for (const [table, row] of openRows) await insert(database.executor, table, row);
    const before = await rowsWith(PERSON);
    expect(before).toHaveLength(openRows.length);
    const left = await erase(PERSON);
    expect(await rowsWith(PERSON)).toEqual(before);
    for (const column of [
      'outbox.payload',
      'parked.payload',
      'saga_work.input',
      'saga_fence.intent',
      'saga_instance.facts',
      'workflow.input',
      'reconcile_key.reason',
    ])
      expect(left).toContain(column);
  });

  it('an erasure without a text, or with a short one, is refused', async () => {
    database = await migrated();
    await expect(erase('ad')).rejects.toThrow('at least 4 characters');
  });
});
