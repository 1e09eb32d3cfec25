import type { RelayStatus } from '@convergekit/relay';
import { describe, expect, it } from 'vitest';
import { relayCheck, relayChecks } from './relay-state.ts';

const answers = { ok: true };
const leading: RelayStatus = {
  state: 'leading',
  published: 1,
  term: 3n,
  epoch: 1,
  doneTick: 7n,
  queued: 0,
  held: [],
  alarms: [],
};

const ready = (status: RelayStatus, asked = answers): Record<string, boolean> =>
  Object.fromEntries(Object.entries(relayChecks(status, asked)).map(([name, { ok }]) => [name, ok]));

describe('readiness of a relay', () => {
  it('holds for a leader, and for a standby that names the leader', () => {
    expect(ready(leading)).toEqual({ database: true, broker: true, relay: true, alarms: true });
    const standby: RelayStatus = { state: 'standby', published: 0, heldBy: 'host:1', alarms: [] };
    expect(relayCheck(standby)).toEqual({ ok: true, detail: 'standing by: host:1 leads' });
    expect(ready(standby)).toMatchObject({ relay: true });
  });

  it('stays with a halted topic, and names the topic with its code', () => {
    const halted: RelayStatus = {
      ...leading,
      held: [
        { topic: 'orders', state: 'halted', code: 'TOPIC_UNKNOWN', detail: 'no', heldAt: 4n },
        { topic: 'refunds', state: 'catching_up', heldAt: 5n },
      ],
    };
    expect(relayCheck(halted)).toEqual({
      ok: true,
      detail: 'leading, term 3; topic orders is halted (TOPIC_UNKNOWN); topic refunds catches up',
    });
  });

  it('ends without the broker, under the name of the broker, for a leader and for a standby', () => {
    const without: RelayStatus = { ...leading, trouble: 'no broker can be reached' };
    expect(ready(without)).toMatchObject({ broker: false, relay: false, database: true });
    const refused: RelayStatus = {
      state: 'standby',
      published: 0,
      trouble: 'the log cannot be compared',
      troubleFrom: 'broker',
      alarms: [],
    };
    expect(ready(refused)).toMatchObject({ broker: false, database: true });
    expect(relayChecks(leading, { ok: false, detail: 'not asked yet' })).toMatchObject({
      broker: { ok: false, detail: 'not asked yet' },
    });
  });

  it('ends without the database, and while the relay stops', () => {
    const lost: RelayStatus = {
      state: 'standby',
      published: 0,
      trouble: 'cannot reach Postgres',
      troubleFrom: 'database',
      alarms: [],
    };
    expect(ready(lost)).toMatchObject({ database: false, broker: true, relay: false });
    expect(ready({ state: 'stopping', published: 0, alarms: [] })).toMatchObject({ relay: false });
  });

  it('lists the alarms that are raised without deciding by them', () => {
    const alarm = { name: 'clock_skewed', text: '', next: '', sinceMs: 0 } as const;
    expect(relayChecks({ ...leading, alarms: [alarm] }, answers)['alarms']).toEqual({
      ok: true,
      detail: 'clock_skewed',
    });
  });
});
