/**
 * Planted faults, each seen to fail here: a tick that is made where row security hides events, which no relay ever publishes then; without
 * `row_security` among the settings of the kit; a grant without `inherit`.
 */
import { randomBytes } from 'node:crypto';
import { memoryBroker } from '@convergekit/broker/testing';
import { connect, type Database } from '@convergekit/postgres';
import { type Relay, relay } from '@convergekit/relay';
import { waitUntil } from '@convergekit/testing';
import { migratedDatabase } from '@convergekit/testing/engine';
import { expect, inject, it, onTestFinished } from 'vitest';
import { cli } from '../../fixture/cli.ts';
import { allMigrations } from '../../../../operate/src/all-migrations.ts';

const [TOPIC, OTHER] = ['orders', 'bills'];

/** A login that gets the duty of a relay by the command, a relay under it, and a broker with two topics. */
async function relayLogin(options = '') {
  const { url, database } = await migratedDatabase(inject('stack').databaseUrl, allMigrations);
  onTestFinished(() => database.close());
  const { executor } = database;
  const login = `relay_${randomBytes(5).toString('hex')}`;
  await executor.query(`create role ${login} login ${options} password 'secret'`);
  const { stdout } = await cli(['roles', 'relay', '--to', login]);
  await executor.query(stdout);
  const broker = memoryBroker();
  onTestFinished(() => broker.close());
  const admin = await broker.admin();
  for (const name of [TOPIC, OTHER]) await admin.createTopic({ name, partitions: 1 });
  return {
    login,
    executor,
    emit: (topic = TOPIC) =>
      executor.query(`select converge.emit('${topic}', 'k', 'shop.placed', '{}', '{}')`),
    published: async (topic = TOPIC) => Number((await admin.logEnds(topic))[0]?.latest),
    start: async (): Promise<{ service: Relay; errors: readonly string[] }> => {
      const own: Database = connect({
        url: Object.assign(new URL(url), { username: login, password: 'secret' }).href,
      });
      onTestFinished(() => own.close());
      const errors: string[] = [];
      const none = () => undefined;
      const log = {
        debug: none,
        info: none,
        warn: none,
        error: (_: object, text: string) => void errors.push(text),
      };
      const service = relay({ database: own, broker, log, standbyMs: 20, saveMs: 20 });
      onTestFinished(() => service.stop());
      await service.start();
      return { service, errors };
    },
  };
}

it('G1c: a relay passes over no event that row security hides from its login; it says so, and publishes the event later', async () => {
  const { executor, emit, published, start } = await relayLogin();
  await executor.query('alter table converge.outbox enable row level security');
  await emit();
  const { errors } = await start();
  await waitUntil(() => errors.some((text) => text.includes('row security hides events')), {
    what: 'the relay to say that events are hidden',
  });
  expect((await executor.query('select from converge.tick where number > 0')).rowCount).toBe(0);
  await executor.query('alter table converge.outbox disable row level security');
  await waitUntil(async () => (await published()) === 1, { what: 'the event' });
});

it('G1c: a relay that leads passes over no event that row security begins to hide', async () => {
  const { executor, emit, published, start } = await relayLogin();
  const { errors } = await start();
  await emit();
  await waitUntil(async () => (await published()) === 1, { what: 'the first event' });
  await executor.query('alter table converge.outbox enable row level security');
  await emit(OTHER);
  await waitUntil(() => errors.some((text) => text.includes('row security hides events')), {
    what: 'the relay to say that events are hidden',
  });
  await executor.query('alter table converge.outbox disable row level security');
  await waitUntil(async () => (await published(OTHER)) > 0, { what: 'the second event' });
});

// Leases have policies, and `off` makes an error of each statement that one concerns.
it('N9, G1h: a relay leads under a login whose row_security is off', async () => {
  const { login, executor, emit, published, start } = await relayLogin();
  await executor.query(`alter role ${login} set row_security = off`);
  await emit();
  await start();
  await waitUntil(async () => (await published()) === 1, { what: 'the event' });
});

it('N7, G1i: `converge roles --to` gives a login the rights of its duty, even one that does not inherit', async () => {
  const { emit, published, start } = await relayLogin('noinherit');
  await emit();
  await start();
  await waitUntil(async () => (await published()) === 1, { what: 'the event' });
});
