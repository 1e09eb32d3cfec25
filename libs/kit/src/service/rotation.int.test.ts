import { randomBytes } from 'node:crypto';
import { connect } from '@convergekit/postgres';
import { waitUntil } from '@convergekit/testing';
import { freePort } from '@convergekit/testing/internal';
import { afterEach, expect, inject, it, onTestFinished } from 'vitest';
import { killPrograms, migrated, program } from '../fixture/program.ts';

/* What docs/guides/deploying.md says of a password that is changed while processes run. */
afterEach(killPrograms);

/** Runs a service with a login of its own. `change` gives that login another password, and ends its sessions. */
async function running(declaration: string) {
  const url = await migrated();
  const database = connect({ url });
  onTestFinished(() => database.close());
  const { executor } = database;
  const login = `rotated_${randomBytes(5).toString('hex')}`;
  await executor.query(`create role ${login} superuser login password 'first'`);
  const port = await freePort();
  const env = {
    DATABASE_URL: Object.assign(new URL(url), { username: login, password: 'first' }).href,
    KAFKA_BROKERS: inject('stack').brokers,
    NODE_ENV: 'development',
  };
  const run = program(declaration, env, [`--health.port=${port}`]);
  await run.until('trial is ready');
  const change = async (password: string): Promise<void> => {
    await executor.query(`alter role ${login} password '${password}'`);
    await executor.query('select pg_terminate_backend(pid) from pg_stat_activity where usename = $1', [
      login,
    ]);
  };
  const readiness = async (): Promise<string> => {
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`);
    return `${answer.status} ${await answer.text()}`;
  };
  const emit = (key: string) =>
    executor.query(`select converge.emit('trial.asked', $1, 'trial.asked', $2, '{}')`, [
      key,
      JSON.stringify({ k: key }),
    ]);
  return { ...run, change, readiness, emit };
}

/** A relay, a consumer and a reconciler, which say what they do. */
const DECLARATION = `{
  relay: true,
  emits: [asked],
  consumers: [defineConsumer('rotation', { from: 'first' }).on(asked, ({ data }) => say('handled ' + data.k))],
  reconcilers: [
    defineReconciler('own', {
      schedule: '* * * * * *',
      keys: { async *scan() { say('scanned'); } },
      desired: from('trial').read(() => Promise.resolve(null)),
      actual: from('trial').read(() => Promise.resolve(null)),
      compare: () => null,
      repair: () => Promise.resolve({ numUpdatedRows: 0n }),
    }),
  ],
}`;

// Planted fault: a refused connection ends the consumer, and the process with it.
it('G5q: a process whose password was changed is not ready and names the cause; relay, consumer and reconciler wait, and go on when the password is the former one', async () => {
  const run = await running(DECLARATION);
  await run.until('scanned');
  await run.change('second');
  await waitUntil(async () => /^503 .*wrong password/.test(await run.readiness()), {
    what: 'the cause in /readyz',
  });
  const refused = { code: 'DATABASE_LOGIN_REFUSED' };
  expect(await run.until('parked keys wait for the database')).toMatchObject(refused);
  await waitUntil(
    () => run.lines.some(({ reconciler, code }) => reconciler === 'own' && code === refused.code),
    {
      what: 'the reconciler to say why it waits',
    },
  );
  const scans = () => run.lines.filter(({ msg }) => msg === 'scanned').length;
  const before = scans();
  await run.change('first');
  const key = randomBytes(4).toString('hex');
  await run.emit(key);
  await run.until(`handled ${key}`);
  await waitUntil(() => scans() > before, { what: 'the reconciler to go on' });
  await waitUntil(async () => (await run.readiness()).startsWith('200'), { what: 'the process to be ready' });
});
