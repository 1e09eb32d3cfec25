import { describe, expect, it } from 'vitest';
import { rolesScene } from '../../fixture/roles-scene.ts';
import { scanJournal, scanSchedules } from '../../../../operate/src/scans/scan-overdue.ts';
import { scanLost, scanStalled } from '../../../../operate/src/scans/scan-outbox.ts';

// Without a leader nothing beyond the identity is read.
const { as, during } = rolesScene('update converge.relay_source set term = 1');

const uuid = '01990000-0000-7000-8000-000000000001';

describe('a reconciler', () => {
  // Planted fault: without the grant on relay_topic the first one is refused (42501).
  it.each([
    ['the frontier of a topic', `select converge.frontier('t', '{k}')`],
    [
      'events since a snapshot',
      `select converge.events_since('t', '{k}', pg_current_snapshot(), '${uuid}', 1)`,
    ],
    ['the place of a consumer', `select converge.inbox_arrival('c', 't', '${uuid}', '{0,1}')`],
    ['parked keys', `select converge.inbox_parked('c', 't', '{k}')`],
    ['open steps', `select converge.saga_open('{k}')`],
  ])('a reconciler looks at %s with the rights of a reader', async (_name, statement) => {
    expect(await as('converge_reconciler', statement)).toBe('00000');
    expect(await as('converge_read', statement)).toBe('00000');
  });

  // Planted fault: without the grant on the instance of work, which says whether a pause holds it, no journal is scanned (42501).
  it('a reconciler makes all its scans', async () => {
    const found = await during('converge_reconciler', async (executor) => {
      const one = { name: 'shop', executor };
      return [
        ...(await scanStalled(one, [one], 0, (name, error) => expect.fail(`${name}: ${String(error)}`))),
        ...(await scanLost(one)),
        ...(await scanJournal(one, 0)),
        ...(await scanSchedules(one)),
      ];
    });
    expect(found).toEqual([]);
  });

  it.each([
    ['move a cursor', 'update converge.relay_cursor set id = 9'],
    ['move a watermark', 'update converge.inbox_watermark set id = 9'],
    ['release a parked key', 'delete from converge.parked_key'],
    ['end a step', `update converge.saga_fence set state = 'applied'`],
    ['read the input of a call', 'select input from converge.saga_work'],
    ['read the payload of an event', 'select payload from converge.outbox'],
    ['read the headers of an event', 'select headers from converge.outbox'],
    ['read the payload of a parked event', 'select payload from converge.parked'],
    ['read why an event is parked', 'select reason from converge.parked'],
    ['read the events of a step', 'select intent, result, undo from converge.saga_fence'],
    ['read the facts of a saga', 'select facts from converge.saga_instance'],
  ])('a reconciler cannot %s', async (_name, statement) =>
    expect(await as('converge_reconciler', statement)).toBe('42501'),
  );
});
