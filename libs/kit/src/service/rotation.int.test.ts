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
  return { ...run, change, readiness };
}

it('a consumer whose password was changed ends with exit code 78 and the cause, so that a restart reads the new one', async () => {
  const run = await running(
    `{ relay: false, consumers: [defineConsumer('rotation', { from: 'first' }).on(asked, () => {})] }`,
  );
  await run.change('second');
  expect(await run.exited).toEqual([78, null]);
  expect(run.lines.at(-1)).toMatchObject({
    level: 'fatal',
    code: 'DATABASE_LOGIN_REFUSED',
    msg: expect.stringContaining('wrong password') as string,
  });
});

it('a relay whose password was changed is not ready and names the cause, until it is restarted or the password is the former one', async () => {
  const run = await running('{ relay: true, emits: [asked] }');
  await run.change('second');
  await waitUntil(async () => /^503 .*wrong password/.test(await run.readiness()), {
    what: 'the cause in /readyz',
  });
  await run.change('first');
  await waitUntil(async () => (await run.readiness()).startsWith('200'), {
    what: 'the relay to be ready again',
  });
});
