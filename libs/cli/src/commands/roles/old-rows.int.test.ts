import { systemClock, systemRandom } from '@convergekit/core';
import { Counter, removeOld, writeCounters } from '@convergekit/postgres/engine';
import { expect, it } from 'vitest';
import { rolesScene } from '../../fixture/roles-scene.ts';

const { during } = rolesScene();

// Seen to fail where a consumer could delete its attempts and not lock them: a service removed no old row, and only its log said so.
it.each([
  ['converge_consumer', { table: 'converge.inbox_attempt', at: 'started_at' }],
  ['converge_consumer', { table: 'converge.parked', at: 'changed_at' }],
  ['converge_consumer', { table: 'converge.saga_work', at: 'ended_at' }],
  ['converge_consumer', { table: 'converge.saga_instance', key: 'instance', at: 'ended_at' }],
  ['converge_relay', { table: 'converge.request', key: 'key', at: 'created_at' }],
])('N7, G1i: the role %s removes old rows, %o', async (role, old) => {
  expect(await during(role, (executor) => removeOld(executor, old, { keepMs: 0 }))).toBe(0);
});

it.each(['converge_relay', 'converge_consumer', 'converge_reconciler'])(
  'the role %s writes what it counted, and removes what is older than a day',
  async (role) => {
    const counter = new Counter('consumer', 'stock');
    counter.add('done');
    const errors: unknown[] = [];
    await during(role, (executor) =>
      writeCounters({
        executor,
        take: () => [counter.take()],
        clock: systemClock,
        random: systemRandom,
        // The last write is that of a stop.
        signal: AbortSignal.abort(),
        onError: (error) => errors.push(error),
      }),
    );
    expect(errors).toEqual([]);
  },
);
