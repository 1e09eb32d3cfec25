import { expect, it } from 'vitest';
import { rolesScene } from '../../fixture/roles-scene.ts';

const { during } = rolesScene(
  `select converge.emit('shop.orders', 'k', 'shop.order.placed', '{}')`,
  'update converge.relay_source set term = 1',
  'alter table converge.outbox enable row level security',
);

// Planted fault: without the look at row security the answer is `sent`, and a reconciler repairs over the event on its way.
it('N7, G7m: an event that row security hides from a reconciler is unknown to it, and not taken for sent', async () => {
  const { rows } = await during('converge_reconciler', (executor) =>
    executor.query<{ at: unknown }>(`select converge.frontier('shop.orders', '{k}') as at`),
  );
  expect(rows).toEqual([
    { at: { state: 'unknown', detail: expect.stringContaining('row security hides events') as string } },
  ]);
});
