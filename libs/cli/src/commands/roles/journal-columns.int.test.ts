import { expect, it } from 'vitest';
import { rolesScene } from '../../fixture/roles-scene.ts';

const { as } = rolesScene();

// Planted fault: with a right to update the whole row a journal is moved to another step, and a forged one is put in its place.
// With `stripped_at`, which only the removal of old steps sets, the journal of an old step is emptied.
it.each(['saga', 'instance', 'step', 'version', 'created_at', 'stripped_at'])(
  'neither a consumer nor an operator changes the %s of a step, by which its journal is found, read or removed',
  async (column) => {
    const move = `update converge.saga_fence set ${column} = ${column} where saga = 's'`;
    for (const role of ['converge_consumer', 'converge_operator'])
      expect([role, await as(role, move)]).toEqual([role, '42501']);
  },
);
