import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { freshDatabase, waitUntil } from '@convergekit/testing';
import { freePort } from '@convergekit/testing/internal';
import { connect, type Database, migrate, outboxMigrations } from 'convergekit/postgres';
import { inboxMigrations, reconcileMigrations, relayMigrations, sagaMigrations } from 'convergekit/process';
import { expect, inject, it } from 'vitest';

const page = (name: string): string =>
  readFileSync(new URL(`../../guides/${name}.md`, import.meta.url), 'utf8');

/** The first block of a language on a page: the programs stand before anything else. */
function block(text: string, language: string): string {
  const [, code = ''] = new RegExp(`\`\`\`${language}[^\\n]*\\n([^]*?)\`\`\``).exec(text) ?? [];
  return code;
}

/** Runs a program of a guide beside a database with the kit's tables and those of the page, until `work` has ended. */
async function running(
  [file, guide]: readonly [file: string, guide: string],
  work: (parts: { database: Database; port: number; printed: () => string }) => Promise<unknown>,
): Promise<void> {
  const [url, port] = [await freshDatabase(inject('stack').databaseUrl, 'program'), await freePort()];
  const database = connect({ url });
  await migrate(database, [
    outboxMigrations,
    relayMigrations,
    inboxMigrations,
    sagaMigrations,
    reconcileMigrations,
  ]);
  await database.executor.query(block(page(guide), 'sql') || 'select');
  const set = { CONVERGE__BROKER: 'local', NODE_ENV: 'development', PORT: String(port) };
  const program = spawn(process.execPath, [file], {
    env: { ...process.env, ...set, DATABASE_URL: url },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  for (const stream of [program.stdout, program.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (printed += text));
  const exited = once(program, 'exit').then(() => {
    throw new Error(`the program ended by itself:\n${printed}`);
  });
  try {
    await Promise.race([exited, work({ database, port, printed: () => printed })]);
  } finally {
    exited.catch(() => undefined);
    program.kill('SIGKILL');
    await database.close();
  }
}

it.concurrent(
  'the saga of its guide seats one traveller, and has the bank give the other one the money back',
  () =>
    running(
      [fileURLToPath(new URL('./saga/main.ts', import.meta.url)), 'sagas'],
      async ({ database, printed }) => {
        const ends = () =>
          database.executor
            .query('select key, state from converge.saga_instance order by key')
            .then(({ rows }) => rows);
        await waitUntil(async () => JSON.stringify(await ends()).includes('compensated'), {
          what: 'the end',
        });
        await waitUntil(() => Promise.resolve(printed().includes('zoe gets the money back')), {
          what: 'the bank',
        });
      },
    ),
);

it.concurrent('the reconciler of its guide repairs the row that has drifted, and no other', () =>
  running(
    [fileURLToPath(new URL('./reconcile.ts', import.meta.url)), 'reconcilers'],
    async ({ database }) => {
      const stock = () =>
        database.executor.query<{ row: string }>(
          "select sku || ' ' || reserved || ' v' || version as row from stock order by 1",
        );
      const rows = await waitUntil(
        async () => {
          const now = (await stock()).rows.map(({ row }) => row);
          return now.includes('plate 4 v2') ? now : undefined;
        },
        { what: 'the repair' },
      );
      expect(rows).toEqual(['cup 3 v1', 'plate 4 v2']);
    },
  ),
);

it.concurrent(
  'the program that emits with Express and Drizzle writes an order and its event, or neither',
  () =>
    running(
      [fileURLToPath(new URL('./emit.ts', import.meta.url)), 'outbox-with-your-orm'],
      async ({ database, port }) => {
        const place = (order: object) =>
          fetch(`http://127.0.0.1:${port}/orders`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify(order),
          }).catch(() => undefined);
        const order = { id: 'a', cents: 4_200 };
        const placed = await waitUntil(() => place(order), { what: 'an answer' });
        expect([placed.status, (await place(order))?.status]).toEqual([201, 500]);
        const { rows } = await database.executor.query(
          'select (select count(*) from orders)::int as orders, count(*)::int as events from converge.outbox',
        );
        expect(rows).toEqual([{ orders: 1, events: 1 }]);
      },
    ),
);

it.each([
  ['outbox-with-your-orm', ['emit.ts']],
  ['sagas', ['saga/trip.ts', 'saga/main.ts']],
  ['reconcilers', ['reconcile.ts']],
  ['testing', ['test.int.test.ts']],
])('the guide %s begins with a program of at most 25 lines a file', (guide, files) => {
  for (const file of files) {
    const [text = ''] = readFileSync(new URL(file, import.meta.url), 'utf8').split(
      '\n// The Postgres of all tests',
    );
    expect(page(guide)).toContain(`\`\`\`ts\n${text.trimEnd()}\n\`\`\``);
    const code = text.split('\n').filter((line) => line.trim() !== '' && !line.trim().startsWith('//'));
    expect([file, code.length]).toEqual([file, expect.toSatisfy((lines: number) => lines <= 25)]);
  }
});
