import type { RelayStatus } from '../watch/status.ts';
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
  it('a leader is ready, and so is a standby, which names the leader', () => {
    expect(ready(leading)).toEqual({ database: true, broker: true, relay: true, alarms: true });
    const standby: RelayStatus = { state: 'standby', published: 0, heldBy: 'host:1', alarms: [] };
    expect(relayCheck(standby)).toEqual({ ok: true, detail: 'standing by: host:1 leads' });
    expect(ready(standby)).toMatchObject({ relay: true });
  });

  it('a relay with a halted topic stays ready, and names the topic with its code', () => {
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

  it('a leader or a standby without its broker is not ready, and names the broker', () => {
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

  it('a relay is not ready without its database, and while it stops', () => {
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

  it('the readiness of a relay lists raised alarms, and does not depend on them', () => {
    const alarm = { name: 'clock_skewed', text: '', next: '', sinceMs: 0 } as const;
    expect(relayChecks({ ...leading, alarms: [alarm] }, answers)['alarms']).toEqual({
      ok: true,
      detail: 'clock_skewed',
    });
  });
});
