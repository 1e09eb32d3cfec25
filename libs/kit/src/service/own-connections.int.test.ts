import { defineEvent } from '@convergekit/contracts';
import { createOutbox } from '@convergekit/outbox';
import { connect } from '@convergekit/postgres';
import { afterEach, expect, it } from 'vitest';
import { z } from 'zod';
import { killPrograms, migrated, program } from '../fixture/program.ts';

afterEach(killPrograms);

const asked = defineEvent('trial.asked', {
  version: 1,
  topic: 'trial.asked',
  key: ({ k }) => k,
  data: z.object({ k: z.string() }),
});

const declaration = `{
  relay: true,
  emits: [asked],
  consumers: [defineConsumer('trial', { from: 'first' }).on(asked, ({ data }) => say(data.k))],
  onReady: async ({ database }) => {
    await Promise.all([database.acquire(), database.acquire()]);
    say('every connection of the service is in use');
  },
}`;

// Planted fault: with the service's own pool for its consumers, the event waits for a connection here.
it('G5t: a consumer handles its events while requests hold every connection of its service', async () => {
  const url = await migrated();
  const run = program(declaration, {
    DATABASE_URL: url,
    CONVERGE__BROKER: 'local',
    NODE_ENV: 'development',
    CONVERGE__DATABASE__CONNECTIONS: '2',
  });
  // Two pools of two, and the relay's ten.
  expect(await run.until('trial is ready')).toMatchObject({ maxConnections: 14 });
  await run.until('every connection of the service is in use');
  const database = connect({ url });
  try {
    const outbox = createOutbox([asked]);
    await outbox.transaction(database.db, ({ emit }) => Promise.resolve(emit(asked({ k: 'handled' }))));
  } finally {
    await database.close();
  }
  expect(await run.until('handled')).toMatchObject({ msg: 'handled' });
});
