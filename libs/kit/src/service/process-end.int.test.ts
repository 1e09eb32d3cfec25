import { defineEvent } from '@convergekit/contracts';
import { defineConsumer } from '@convergekit/inbox';
import type { ConsumerPart } from '@convergekit/inbox/engine';
import { createOutbox } from '@convergekit/outbox';
import { connect } from '@convergekit/postgres';
import { faultProxy, freshDatabase, waitUntil } from '@convergekit/testing';
import { checkRemovedSteps } from '@convergekit/saga/engine';
import { freePort } from '@convergekit/testing/internal';
import { afterEach, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { killPrograms, migrated, program } from '../fixture/program.ts';
import { endOf } from './end.ts';
import { runService } from './run-service.ts';

afterEach(killPrograms);

const noBroker = { KAFKA_BROKERS: '127.0.0.1:1' };
const asked = defineEvent('trial.asked', {
  version: 1,
  topic: 'trial.asked',
  key: ({ k }) => k,
  data: z.object({ k: z.string() }),
});

// Planted fault: without a bound on the close, the process waits for its connection for ever.
it('a service ends on a signal although one of its connections is never released', async () => {
  const run = program(`{ parts: ({ database }) => [part(async () => void (await database.acquire()))] }`, {
    DATABASE_URL: inject('stack').databaseUrl,
  });
  await run.until('trial is ready');
  run.child.kill('SIGTERM');
  expect(await run.exited).toEqual([0, null]);
});

it('an uncaught error of Postgres ends a service with one line that quotes no row', async () => {
  const url = await freshDatabase(inject('stack').databaseUrl);
  const database = connect({ url });
  await database.executor.query('create table canary (email text primary key)');
  await database.close();
  const statement = `with t as (insert into canary values ('canary-4f1b'), ('canary-4f1b') returning 1) select from t`;
  const run = program(
    `{ parts: ({ database }) => [part(async () => void database.executor.query(${JSON.stringify(statement)}))] }`,
    { LOG_LEVEL: 'fatal', DATABASE_URL: url },
  );
  expect(await run.exited).toEqual([1, null]);
  expect(JSON.stringify(run.lines)).not.toContain('canary-4f1b');
  expect(run.lines).toEqual([
    expect.objectContaining({
      level: 'fatal',
      name: 'trial',
      origin: 'unhandledRejection',
      err: expect.objectContaining({
        code: '23505',
        message: expect.stringContaining('canary_pkey') as string,
      }) as object,
    }),
  ]);
});

// What else refuses a start: end.test.ts.
it('a service with an unset database ends with exit code 78 and one line that names it', async () => {
  const run = program('{ relay: true }', {});
  expect(await run.exited).toEqual([78, null]);
  expect(run.lines).toHaveLength(1);
  expect(run.lines[0]).toMatchObject({
    level: 'fatal',
    msg: expect.stringContaining('database.url') as string,
  });
  expect(run.lines[0]).not.toHaveProperty('err');
});

/** Starts a service with a consumer that has no step, and returns how it ends. */
async function endWith(DATABASE_URL: string) {
  const consumer = defineConsumer<object>('c', { from: 'first' }).on(asked, () => undefined);
  const env = { ...noBroker, DATABASE_URL };
  const running = runService('trial', { consumers: [consumer] }, { env, argv: [] });
  return endOf(await running.catch((error: unknown) => error));
}

it('a service on a database without the tables of the kit is refused, and the error names the command', async () => {
  const DATABASE_URL = await freshDatabase(inject('stack').databaseUrl);
  const { exitCode, line } = await endWith(DATABASE_URL);
  expect([exitCode, line]).toEqual([78, expect.stringContaining('run `converge migrate` first')]);
});

it('a service waits for a database that is down, says so once, serves /readyz meanwhile, and starts when it answers', async () => {
  const url = new URL(await migrated());
  const proxy = await faultProxy({ target: url.host });
  try {
    proxy.cut();
    url.host = proxy.address;
    const port = await freePort();
    const run = program(`{ parts: () => [part(async () => {})] }`, { DATABASE_URL: url.href }, [
      `--health.port=${port}`,
    ]);
    expect(await run.until('Waiting for it')).toMatchObject({
      level: 'warn',
      msg: expect.stringMatching(/^database: /) as string,
    });
    const ready = await fetch(`http://127.0.0.1:${port}/readyz`);
    expect([ready.status, await ready.json()]).toMatchObject([503, { checks: { database: { ok: false } } }]);
    proxy.restore();
    await run.until('database: answers now');
    expect(await run.until('trial is ready')).toMatchObject({ healthPort: port });
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
    expect(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()).toContain('target_info');
    run.child.kill('SIGTERM');
    expect(await run.exited).toEqual([0, null]);
  } finally {
    await proxy.close();
  }
});

it('a service that waits for a broker ends at once on a signal, with exit code 0', async () => {
  const run = program(`{ consumers: [defineConsumer('c', { from: 'first' }).on(asked, () => {})] }`, {
    ...noBroker,
    DATABASE_URL: await migrated(),
  });
  expect(await run.until('Waiting for it')).toMatchObject({
    msg: expect.stringMatching(/^broker: /) as string,
  });
  run.child.kill('SIGTERM');
  expect(await run.exited).toEqual([0, null]);
});

// Planted fault: a check that only a consumer with steps makes. The undo of what took effect would never be called, without a word.
it('a service is refused whose consumer has dropped all steps of a saga that is open in its database', async () => {
  const DATABASE_URL = await migrated();
  const database = connect({ url: DATABASE_URL });
  await database.executor.query(
    `insert into converge.saga_fence (saga, instance, step, version, consumer, key, state, cause_event)
     values ('trial.order', 'i', 'reserve', 1, 'c', 'k', 'started', 'e')`,
  );
  // A consumer with steps checks its own versions.
  await checkRemovedSteps(database.executor, [{ name: 'c', parts: [{} as ConsumerPart<object>] }]);
  await database.close();
  const { exitCode, line } = await endWith(DATABASE_URL);
  expect([exitCode, line]).toEqual([
    78,
    expect.stringContaining('saga trial.order v1, step reserve: 1 open. Include step(…)'),
  ]);
});

const throws = `async ({ data: { k } }) => {
  if (k === 'timer') await new Promise(() => setTimeout(() => { throw new Error('boom'); }));
  if (k === 'socket') await new Promise(() => void process.getBuiltinModule('node:net').createConnection({ port: 1 }));
  say(k);
}`;

// Planted fault: the process ends before the attempt is recorded, at each delivery again.
it('an error thrown in a timer or an event of a handler fails its own event, and the process goes on', async () => {
  const url = await migrated();
  const declaration = `{
    relay: true,
    emits: [asked],
    consumers: [defineConsumer('trial', { from: 'first' }).on(asked, ${throws})],
  }`;
  const run = program(declaration, {
    DATABASE_URL: url,
    CONVERGE__BROKER: 'local',
    NODE_ENV: 'development',
  });
  await run.until('trial is ready');
  const database = connect({ url });
  const parked = async () =>
    (await database.executor.query(`select key, code from converge.parked where code is not null order by 1`))
      .rows;
  try {
    const outbox = createOutbox([asked]);
    await outbox.transaction(database.db, ({ emit }) => {
      for (const k of ['timer', 'socket', 'handled']) emit(asked({ k }));
      return Promise.resolve();
    });
    const both = waitUntil(async () => (await parked()).length === 2, { what: 'two parked keys' });
    expect(await Promise.race([both, run.exited.then(() => 'the process ended')])).toBe(true);
    expect(await parked()).toEqual(['socket', 'timer'].map((key) => ({ key, code: 'CALLBACK_THREW' })));
  } finally {
    await database.close();
  }
  await run.until('handled');
  expect(run.child.exitCode).toBeNull();
});
