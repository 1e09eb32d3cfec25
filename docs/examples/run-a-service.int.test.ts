import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { inboxMigrations, relayMigrations, sagaMigrations } from 'convergekit/process';
import { kafkaBroker } from 'convergekit/kafka';
import { connect, migrate, outboxMigrations } from 'convergekit/postgres';
import { freshDatabase, waitUntil } from '@convergekit/testing';
import { freePort } from '@convergekit/testing/internal';
import { expect, inject, it } from 'vitest';
import { TABLES } from './run-a-service.ts';

const { brokers, databaseUrl } = inject('stack');
const example = new URL('run-a-service.ts', import.meta.url);

it('N4, G6f: the example of “run a service” creates its topics, makes the call that a handler requests, and names missing topics in production', async () => {
  const url = await freshDatabase(databaseUrl, 'mails');
  const database = connect({ url });
  const broker = kafkaBroker({ brokers: brokers.split(','), clientId: 'mails' });
  const admin = await broker.admin();
  const drop = async (): Promise<void> => {
    for (const topic of ['guide.mails', 'mails.failures']) {
      await admin.deleteTopic(topic).catch(() => undefined);
      await waitUntil(async () => (await admin.describeTopic(topic)) === undefined, { what: topic });
    }
  };
  const port = await freePort();
  const start = (env: Readonly<Record<string, string>>) => {
    const run = `const { mails } = await import(${JSON.stringify(example.href)}); await mails.run();`;
    const child = spawn(
      process.execPath,
      ['--input-type=module', '--eval', run, '--', 'main', `--http.port=${port}`],
      {
        env: { ...process.env, DATABASE_URL: url, KAFKA_BROKERS: brokers, LOG_LEVEL: 'info', ...env },
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
    let log = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
    return { child, exited: once(child, 'close'), log: () => log };
  };
  await migrate(database, [outboxMigrations, relayMigrations, inboxMigrations, sagaMigrations]);
  await database.executor.query(TABLES);
  try {
    await drop();
    const refused = start({ NODE_ENV: 'production' });
    expect(await refused.exited).toEqual([78, null]);
    expect(refused.log()).toContain(
      'no topic guide.mails, mails.failures: create with `converge topics create guide.mails mails.failures --partitions 6`',
    );
    const { child, exited, log } = start({ NODE_ENV: 'development' });
    await waitUntil(() => Promise.resolve(log().includes('mails is ready')), { what: 'the start' });
    const answer = await fetch(`http://127.0.0.1:${port}/?address=a@b.test`, { method: 'POST' });
    expect(answer.status).toBe(202);
    await waitUntil(async () => (await database.executor.query('select from mail')).rows.length === 1, {
      what: 'the mail',
    });
    child.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
  } finally {
    await drop();
    await broker.close();
    await database.close();
  }
});
