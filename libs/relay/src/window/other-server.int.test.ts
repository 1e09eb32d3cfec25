import { expect, test } from 'vitest';
import { closeAfterEach, withDatabase } from '../fixture/running.ts';
import { pollOutbox, readLatestTick } from './window-sql.ts';

closeAfterEach();

test('G3k: no tick is made by a leader whose lease is of another server', async () => {
  const { executor } = (await withDatabase()).database;
  await executor.query(
    `insert into converge.lease (name, holder, term, expires_at) values ('relay', 'test', 1, 'infinity')`,
  );
  const { tick: previous, sequence } = await readLatestTick(executor);
  const asked = { previous, lowest: 0n, page: 10, floor: sequence, nonce: '00000000000000aa', epoch: 1 };
  const poll = () => pollOutbox(executor, { ...asked, lease: 'relay', term: 1n, always: true });
  // A standby that was promoted has the row of the server that it followed.
  await executor.query('update converge.lease set server = server - 1');
  expect((await poll()).tick).toBeUndefined();
  await executor.query('update converge.lease set server = server + 1');
  expect((await poll()).tick?.number).toBe(previous.number + 1n);
});
