/**
 * The functions by which a relay that does not own the outbox adds and removes its children. Planted faults, each seen to fail here:
 * without the name check, the record check, the search_path, or one of the reasons to stay.
 */
import { describe, expect, it } from 'vitest';
import { rolesScene } from '../../fixture/roles-scene.ts';

const { as } = rolesScene();

const uuid = '01990000-0000-7000-8000-000000000001';

/** Makes the first child one that may leave: its event is published and a day old, and its ids are all handed out. */
const finishedChild = [
  `select setval('converge.outbox_id', 1000000)`,
  `insert into converge.outbox (id, event_id, topic, key, type, headers, payload, created_at)
   values (5, '${uuid}', 't', 'k', 'x', '{}', '{}', now() - interval '1 day')`,
  `update converge.outbox set xid = '10'`,
  `insert into converge.tick (number, snapshot, own, floor, ceil, nonce, epoch, term)
   values (1, '100:100:', '99', 1000000, 1000000, '0000000000000001', 1, 1)`,
  'update converge.relay_source set done_tick = 1',
];
const recordChild = `update converge.source set leaving = '{outbox_0}'`;

describe('a relay without the rights of the owner', () => {
  it('a relay cannot have another table dropped by recording it as a child', async () => {
    const record = `update converge.source set leaving = '{parked}'`;
    expect(await as('converge_relay', record, `select converge.outbox_remove_child('parked')`)).toBe('22023');
  });

  it('a relay removes no child that is not recorded', async () => {
    const stays = `do $$ begin assert not converge.outbox_remove_child('outbox_0') and to_regclass('converge.outbox_0') is not null; end $$`;
    expect(await as('postgres', ...finishedChild, 'set local role converge_relay', stays)).toBe('00000');
  });

  it('a relay adds children through the function of the owner', async () => {
    expect(await as('converge_relay', 'select converge.outbox_add_child(5, 1000000)')).toBe('00000');
  });

  // Planted fault: the function asks for the record alone, which the relay's role may write. Each refused one was then dropped.
  it.each([
    ['removes a child that is published, a day old and not written any more', '00000', []],
    ['cannot remove the child that is written', '55000', [`select setval('converge.outbox_id', 999998)`]],
    [
      'cannot remove a child with an event that is not published',
      '55000',
      [`update converge.outbox set xid = '100'`],
    ],
    [
      'cannot remove a child with an event of a topic that is held',
      '55000',
      [`insert into converge.relay_topic (topic, held_at, term) values ('t', 1, 1)`],
    ],
    [
      'cannot remove a child with an event of the last hour',
      '55000',
      [`update converge.outbox set created_at = now()`],
    ],
    [
      'cannot remove a child that its owner has detached',
      '55000',
      ['alter table converge.outbox detach partition converge.outbox_0'],
    ],
  ])('a relay %s', async (_name, state, change) => {
    const remove = `select converge.outbox_remove_child('outbox_0')`;
    const statements = [...finishedChild, ...change, 'set local role converge_relay', recordChild, remove];
    expect(await as('postgres', ...statements)).toBe(state);
    const gone = `do $$ begin assert to_regclass('converge.outbox_0') is null; end $$`;
    if (state === '00000') expect(await as('postgres', ...statements, gone)).toBe('00000');
  });

  it('a function of the owner calls none from a schema of its caller', async () => {
    const shadow = [
      ...finishedChild,
      'create schema evil',
      'grant usage on schema evil to converge_relay',
      `create function evil.format(text, variadic text[]) returns text language sql as $$ select 'drop table converge.parked' $$`,
      'set local search_path = evil, pg_catalog',
      'set local role converge_relay',
      recordChild,
      `select converge.outbox_remove_child('outbox_0')`,
      'reset role',
      `do $$ begin assert to_regclass('converge.parked') is not null; end $$`,
    ];
    expect(await as('postgres', ...shadow)).toBe('00000');
  });
});
