import type { Executor } from '@convergekit/postgres';
import { acquireLease } from '@convergekit/postgres/engine';
import { expect, it } from 'vitest';
import { rolesScene } from '../../fixture/roles-scene.ts';

const lease = (name: string, holder: string): string =>
  `insert into converge.lease values ('${name}', '${holder}', 1, clock_timestamp() + interval '1 hour')`;
const { as, during } = rolesScene(lease('relay', 'leader'), lease('reconcile/stock', 'one'));

const taken = (name: string): string =>
  `insert into converge.lease values ('${name}', 'evil', 9000000000000000000, '2999-01-01')
   on conflict (name) do update set holder = 'evil', term = 9000000000000000000, expires_at = '2999-01-01'`;
const leases = (executor: Executor): Promise<readonly unknown[]> =>
  executor.query('select name from converge.lease order by name').then(({ rows }) => rows);

// Seen to fail: each of them took it, with a term that no relay can exceed.
it.each([
  ['consumer', 'relay'],
  ['consumer', 'reconcile/stock'],
  ['reconciler', 'relay'],
  ['relay', 'reconcile/stock'],
  ['writer', 'relay'],
  ['read', 'relay'],
])('N7, G1i: a %s cannot take the lease %s', async (duty, name) =>
  expect(await as(`converge_${duty}`, taken(name))).toBe('42501'),
);

it('N7, G1i: a statement of a reconciler on all leases changes its own', async () =>
  during('converge_reconciler', async (executor) => {
    expect((await executor.query(`update converge.lease set holder = 'evil'`)).rowCount).toBe(1);
    const { rows } = await executor.query(`select name from converge.lease where holder = 'evil'`);
    expect(rows).toEqual([{ name: 'reconcile/stock' }]);
  }));

// Seen to fail: a service with reconcilers and no relay of its own says at each start that no relay leads.
it('a reconciler sees that a relay leads', async () =>
  expect(await during('converge_reconciler', leases)).toEqual([
    { name: 'reconcile/stock' },
    { name: 'relay' },
  ]));

it.each([
  ['relay', 'relay-of-a-test'],
  ['reconciler', 'reconcile/other'],
  ['reconciler', 'scan/outbox'],
  ['operator', 'relay-of-a-test'],
])('a %s takes the lease %s', async (duty, name) =>
  expect(
    await during(`converge_${duty}`, (executor) =>
      acquireLease(executor, { name, holder: 'me', ttlMs: 1_000 }),
    ),
  ).toEqual({ kind: 'acquired', term: 1n }),
);

it('a reader sees every lease', async () =>
  expect(await during('converge_read', leases)).toEqual([{ name: 'reconcile/stock' }, { name: 'relay' }]));

// Seen to fail: a table that one duty locks stops the leaders of all others.
it.each(['relay', 'reconciler', 'operator', 'consumer', 'writer', 'read'])(
  'N7, G1i: a %s cannot lock the table of leases',
  async (duty) => {
    for (const mode of ['share', 'exclusive', 'access exclusive'])
      expect(await as(`converge_${duty}`, `lock table converge.lease in ${mode} mode`)).toBe('42501');
  },
);
