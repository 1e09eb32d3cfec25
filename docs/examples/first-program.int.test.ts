import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { inboxMigrations, relayMigrations, sagaMigrations } from 'convergekit/process';
import { connect, migrate, outboxMigrations } from 'convergekit/postgres';
import { kafkaBroker } from 'convergekit/kafka';
import { freshDatabase, waitUntil } from '@convergekit/testing';
import { expect, inject, it } from 'vitest';

const { brokers, databaseUrl } = inject('stack');
const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

it('C4: the first program charges an accepted order once, removes an order whose payment is refused, and stops at a signal', async () => {
  const url = await freshDatabase(databaseUrl, 'first');
  const database = connect<{ orders: Order; charges: Order }>({ url, applicationName: 'first-program' });
  await migrate(database, [outboxMigrations, relayMigrations, inboxMigrations, sagaMigrations]);
  for (const table of ['orders', 'charges'])
    await database.executor.query(`create table ${table} (id text primary key, cents int not null)`);
  await deleteTopics('orders', 'payments.failures', 'orders.failures');
  const program = spawn(
    process.execPath,
    [fileURLToPath(new URL('../../libs/cli/templates/minimal/src/main.ts', import.meta.url))],
    {
      env: {
        ...process.env,
        NODE_ENV: 'development',
        LOG_LEVEL: 'debug',
        DATABASE_URL: url,
        KAFKA_BROKERS: brokers,
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  const logged: string[] = [];
  createInterface({ input: program.stderr }).on('line', (line) => logged.push(line));
  const exited = once(program, 'exit');
  try {
    const left = await waitUntil(
      async () => {
        const rows = await database.db.selectFrom('orders').selectAll().execute();
        const charges = await database.db.selectFrom('charges').selectAll().execute();
        return rows.length === 1 && charges.length === 1 ? { rows, charges } : undefined;
      },
      { what: 'one order and one charge' },
    );
    expect(left).toEqual({
      rows: [{ id: 'small', cents: 4_200 }],
      charges: [{ id: 'small', cents: 4_200 }],
    });
    await waitUntil(() => outcomesIn(logged).length >= 3, { what: 'a line for each event' });
    // The two orders have keys of their own, so either may come first.
    const shown = shownInReadme();
    expect(shown).toHaveLength(3);
    expect(outcomesIn(logged)).toEqual(expect.arrayContaining(shown));
    program.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
  } finally {
    program.kill('SIGKILL');
    await database.close();
  }
});

/** What became of the events, by the log: the fields that a line in a terminal shows (libs/telemetry, `humanLine`). */
function outcomesIn(logged: readonly string[]) {
  return logged
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ msg }) => ['applied', 'rejected', 'compensated'].includes(String(msg)))
    .map(({ consumer, msg, reason, key, handler }) => ({ consumer, msg, reason, key, handler }));
}

function shownInReadme() {
  const [, block = ''] = /```text\n([^]*?)```/.exec(readme) ?? [];
  return block
    .trim()
    .split('\n')
    .map((line) => {
      const [, consumer, msg, reason, rest = ''] =
        /^[\d:]+ (\w+): (\w+)(?:: (.+?))? {2}(.*)$/.exec(line) ?? [];
      const { key, handler } = Object.fromEntries(rest.split(' ').map((field) => field.split('=')));
      return { consumer, msg, reason, key, handler };
    });
}

interface Order {
  id: string;
  cents: number;
}

async function deleteTopics(...topics: readonly string[]): Promise<void> {
  const broker = kafkaBroker({ brokers: brokers.split(','), clientId: 'first-program' });
  const admin = await broker.admin();
  for (const topic of topics) {
    await admin.deleteTopic(topic).catch(() => undefined);
    await waitUntil(async () => (await admin.describeTopic(topic)) === undefined, { what: `no ${topic}` });
  }
  await broker.close();
}

it('the first program is the one on the first screen of the README', () => {
  const text = readFileSync(new URL('../../libs/cli/templates/minimal/src/main.ts', import.meta.url), 'utf8');
  expect(readme).toContain(`\`\`\`ts\n${text}\`\`\``);
  const code = text.split('\n').filter((line) => line !== '' && !line.startsWith('//'));
  expect(code.length).toBeLessThanOrEqual(25);
});
