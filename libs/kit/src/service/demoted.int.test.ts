import { embeddedPostgres, promote } from '@convergekit/testing/engine';
import { afterEach, expect, inject, it, onTestFinished } from 'vitest';
import { demote } from '../../../testing/src/fixture/standby.ts';
import { killPrograms, migrated, program } from '../fixture/program.ts';

afterEach(killPrograms);

// Seen to fail with a look that only reads: the relay and the consumers of the service meet the standby, and it ends.
it('a service whose database is a standby says so, waits, and starts when it is promoted', async () => {
  const server = await embeddedPostgres();
  onTestFinished(() => server.dispose());
  await server.start();
  const url = await migrated(server.address);
  await demote(server);
  const consumer = `defineConsumer('c', { from: 'first' }).on(asked, () => {})`;
  const run = program(`{ consumers: [${consumer}] }`, {
    DATABASE_URL: url,
    KAFKA_BROKERS: inject('stack').brokers,
    NODE_ENV: 'development', // it creates its topics
  });
  expect(await run.until('Waiting for it')).toMatchObject({
    msg: expect.stringMatching(/^database: .*during recovery\. Waiting/) as string,
  });
  await promote(server);
  await run.until('trial is ready');
  run.child.kill('SIGTERM');
  expect(await run.exited).toEqual([0, null]);
});
