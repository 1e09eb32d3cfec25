import { expect, it } from 'vitest';
import { BRIEF_MS, BURST, FORGOTTEN_MS, RESTART_MS } from './bounds.ts';
import type { FoundCondition } from './found.ts';
import { lateKeyItems, reconcilerItems } from './reconciler-items.ts';
import { relayGoneItems } from './relay-gone.ts';

const at = new Date(50_000);
const nameOf = ({ alarm }: FoundCondition) => alarm;

it('keys that no worker takes, and drifts that wait for something else, are one item of their reconciler', () => {
  const late = { reconciler: 'copy', due: 2, waiting: 1, reason: 'an event is parked', since: at };
  expect(lateKeyItems([late])).toMatchObject([
    {
      alarm: 'reconcile_keys_late',
      text: 'copy: 2 keys are due, and no worker takes them; 1 drift waits: an event is parked',
    },
  ]);
});

it('an outbox without a relay needs an operator after a restart, with what the catalog knows of its login', () => {
  const role = { canLogin: true, canConnect: true, validUntil: null, isOver: false, sessions: 0 };
  const found = { holder: 'host:1', since: at, login: 'relay_shop', role };
  const now = at.getTime() + RESTART_MS;
  const said = (change: object, options = { oldestMs: 0, now }) => {
    const [one] = relayGoneItems({ ...found, ...change }, options);
    return [one?.severity, one?.text.replace('no relay leads since host:1 ended: ', ''), one?.next];
  };
  expect(relayGoneItems(undefined, { oldestMs: 9e9, now })).toEqual([]);
  const never = { holder: null, since: null, login: null, role: null };
  expect(said(never)).toEqual([undefined, undefined, undefined]);
  expect(said(never, { oldestMs: BRIEF_MS, now })).toEqual([
    'act',
    'no relay has led yet: nothing is published before one is started',
    'converge relay',
  ]);
  expect(said({}, { oldestMs: 0, now: now - 1 })[0]).toBe('note');
  expect(said({ since: null }, { oldestMs: BRIEF_MS - 1, now })[0]).toBe('note');
  expect(said({ since: null }, { oldestMs: BRIEF_MS, now })[0]).toBe('act');
  expect(said({})).toEqual([
    'act',
    expect.stringMatching(/^its login relay_shop may log in and has no session here/),
    'converge relay',
  ]);
  expect(said({ role: null })).toEqual([
    'act',
    'its login relay_shop does not exist any more',
    'create role "relay_shop" login',
  ]);
  expect(said({ role: { ...role, canLogin: false } })[2]).toBe('alter role "relay_shop" login');
  expect(said({ role: { ...role, isOver: true, validUntil: at } }).slice(1)).toEqual([
    'the password of its login relay_shop ended at 1970-01-01T00:00:50.000Z',
    `alter role "relay_shop" valid until 'infinity'`,
  ]);
  expect(said({ role: { ...role, canConnect: false } })[2]).toBe(
    'as the owner: converge roles relay --to relay_shop | psql',
  );
  expect(said({ role: { ...role, sessions: 2 } })[1]).toContain('has 2 open sessions here');
});

const status = {
  name: 'copy',
  now: at,
  lastCompletedAt: null,
  paused: null,
  held: null,
  approved: null,
  overdueSince: null,
  requestedBy: null,
  leader: 'host',
  window: { since: at, repairs: 0, lastRunKeys: 0 },
  keys: { queued: 0, pending: 4, running: 0, terminal: 0 },
};

it('held repairs, an overdue start, keys left to an operator and a pause are items', () => {
  const items = reconcilerItems([
    { ...status, held: { at, reason: 'too many repairs' } },
    { ...status, overdueSince: at },
    { ...status, keys: { ...status.keys, terminal: 2 } },
    { ...status, paused: { at, by: 'ada', reason: 'counting' } },
  ] as never);
  expect(items.map((one) => [nameOf(one), one.text])).toEqual([
    ['reconcile_held', 'copy is held: too many repairs; 4 keys wait with a drift'],
    ['reconcile_overdue', expect.stringMatching(/^copy: the start of .* was not made/)],
    ['reconcile_unresolvable', 'copy leaves 2 keys to an operator'],
    ['reconcile_paused', 'copy is paused by ada: counting'],
  ]);
});

// Planted fault: a thousand repairs within a window are silent until the next one is held.
it('repairs in the mass that no limit holds are named for an hour, beside the keys that there are', () => {
  const of = (change: object) => {
    const now = new Date(at.getTime() + FORGOTTEN_MS);
    const window = { since: at, repairs: BURST + 1, lastRunKeys: 2_558 };
    return reconcilerItems([{ ...status, now, window, ...change }] as never).map(nameOf);
  };
  expect(of({})).toEqual(['reconcile_burst']);
  expect(of({ window: { since: at, repairs: BURST, lastRunKeys: 2_558 } })).toEqual([]);
  expect(of({ now: new Date(at.getTime() + FORGOTTEN_MS + 1) })).toEqual([]);
  expect(of({ held: { at, reason: 'too many repairs' } })).toEqual(['reconcile_held']);
});
