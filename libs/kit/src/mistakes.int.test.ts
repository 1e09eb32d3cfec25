import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { readMigrations } from '@convergekit/postgres/operate';
import { sql } from 'kysely';
import { expect, inject, it } from 'vitest';
import { z } from 'zod';
import { applyOne, serviceDatabase } from '@convergekit/testing';
import {
  type Database,
  defineConsumer,
  defineEvent,
  type HandlerContext,
  defineSaga,
  step,
} from './index.ts';
import { createOutbox } from './postgres.ts';

interface Tables {
  charges: { id: string };
}
const data = z.object({ id: z.string() });
const event = <const Type extends string>(type: Type) =>
  defineEvent(type, { topic: 'orders', key: ({ id }) => id, data });
const placed = event('order.placed');
const paid = event('order.paid');
const unkeyed = defineEvent('order.lost', { topic: 'orders', key: () => undefined as never, data });
const { pay } = defineSaga('pay-order', { start: placed }).pivot('pay', { by: 'bank', success: paid });
const consumer = (name = 'payments') => defineConsumer<Tables>(name);

/** Returns what a user sees of an event whose handler is this one. */
async function applied(
  database: Database<Tables>,
  act: (context: HandlerContext<Tables>) => unknown,
): Promise<string> {
  const forgetful = consumer().on(placed, async (_, context) => {
    await act(context);
  });
  return JSON.stringify(await applyOne(database, forgetful, placed({ id: 'a' })));
}

async function migrationNamed(file: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'mistakes-'));
  try {
    await writeFile(join(folder, file), 'select 1');
    return await readMigrations({ name: 'shop', directory: pathToFileURL(folder) }).then(String, String);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Mistakes of a first week, as docs/guides/troubleshooting.md lists them, and what their sentence says to write. */
const mistakes: readonly [string, string, (database: Database<Tables>) => unknown][] = [
  [
    'a statement without await',
    'Write `await` before each statement',
    (database) => applied(database, ({ tx }) => void tx.insertInto('charges').values({ id: 'a' }).execute()),
  ],
  [
    'a COMMIT in a handler',
    'Throw an error to roll it back',
    (database) => applied(database, ({ tx }) => sql`commit`.execute(tx)),
  ],
  [
    'an emit after its transaction',
    'Await everything that emits before the transaction',
    async ({ db }) => {
      const leaked = await createOutbox([placed]).transaction(db, (own) => Promise.resolve(own));
      leaked.emit(placed({ id: 'a' }));
    },
  ],
  [
    'an event that is not declared',
    'Add it to `emits` of defineService()',
    ({ db }) =>
      createOutbox([placed]).transaction(db, ({ emit }) => Promise.resolve(emit(paid({ id: 'a' }) as never))),
  ],
  [
    'a key that is undefined',
    'is undefined, but must be 1 to 1024 bytes of text',
    () => unkeyed({ id: 'a' }),
  ],
  [
    'the name of a type where its definition belongs',
    'write `.on(orderPlaced, …)`',
    () => consumer().on('order.placed' as never, () => undefined),
  ],
  [
    'a step in the consumer of another name',
    'include it in consumer bank',
    () => consumer().include(step(pay, { apply: ({ data: order }) => Promise.resolve(paid(order)) })),
  ],
  [
    'a migration without words in its name',
    '`mv 001.sql 001-what-it-does.sql`',
    () => migrationNamed('001.sql'),
  ],
];

it.each(mistakes)('%s ends in a sentence that says what to write', async (_, remedy, make) => {
  const database = await serviceDatabase<Tables>(
    inject('stack').databaseUrl,
    'create table charges (id text primary key)',
  );
  try {
    const seen = await Promise.resolve(database).then(make).catch(String);
    expect(String(seen)).toContain(remedy);
  } finally {
    await database.close();
  }
});
