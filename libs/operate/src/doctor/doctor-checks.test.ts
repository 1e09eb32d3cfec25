import { describe, expect, it } from 'vitest';
import { calm } from '../../../relay/src/fixture/calm-survey.ts';
import { relayItems } from '../conditions/relay-items.ts';
import { serverItems } from '../conditions/server-items.ts';
import { checkBacklog } from './backlog-checks.ts';
import { findingsOf } from './findings-of-checks.ts';
import { checkPermissions } from './permission-checks.ts';
import { checkServerSettings, judgeClock, type ServerSettings } from './settings-checks.ts';
import { checkSizes } from './size-checks.ts';
import { checkTransactions } from './transaction-checks.ts';

const sound: ServerSettings = {
  versionNumber: 180_000,
  version: '18.0',
  synchronousCommit: 'on',
  fsync: 'on',
};
const verdicts = (change: Partial<ServerSettings>) =>
  checkServerSettings({ ...sound, ...change }).map((one) => [one.check, one.verdict]);

describe("the doctor's checks of the server", () => {
  it('the doctor accepts a sound server', () => {
    expect(verdicts({}).every(([, verdict]) => verdict === 'ok')).toBe(true);
  });

  it('the doctor fails a Postgres older than 14, and a server with fsync off', () => {
    expect(verdicts({ versionNumber: 130_022, version: '13.22' })).toContainEqual([
      'postgres version',
      'fail',
    ]);
    expect(verdicts({ fsync: 'off' })).toContainEqual(['fsync', 'fail']);
  });

  it('the doctor warns of synchronous_commit off, which loses commits but publishes none of them', () => {
    expect(verdicts({ synchronousCommit: 'off' })).toContainEqual(['synchronous_commit', 'warn']);
  });

  it('the doctor names the clock that is ahead', () => {
    expect(judgeClock(20)).toMatchObject({ verdict: 'ok' });
    expect(judgeClock(5_000)).toMatchObject({
      verdict: 'warn',
      text: expect.stringContaining('behind') as string,
    });
    expect(judgeClock(-5_000)).toMatchObject({
      verdict: 'warn',
      text: expect.stringContaining('ahead of') as string,
    });
  });
});

describe("the doctor's checks of waiting events and open transactions", () => {
  it('the doctor names the holder of an open transaction, its age, and how to end it', () => {
    const [finding] = checkTransactions([
      { kind: 'writer', holder: 'pid 4711', application: 'psql', database: 'shop', ageMs: 7_300_000 },
    ]);
    expect(finding).toMatchObject({
      verdict: 'warn',
      next: expect.stringContaining('pg_terminate_backend(4711)') as string,
    });
    expect(finding?.text).toContain('pid 4711, psql, database shop, open for 2 h 1 min');
  });

  it('the doctor names a next step of its own for a reader, a prepared transaction and a slot', () => {
    const common = { application: 'a', database: 'shop', ageMs: 70_000 };
    const found = checkTransactions([
      { ...common, kind: 'reader', holder: 'pid 1' },
      { ...common, kind: 'prepared', holder: 'prepared p1' },
      { ...common, kind: 'slot', holder: 'slot old', ageMs: null },
      ...[2, 3, 4, 5].map((pid) => ({ ...common, kind: 'writer', holder: `pid ${pid}` }) as const),
    ]);
    expect(found.map(({ next }) => next ?? '')).toEqual([
      expect.stringContaining('pg_terminate_backend(1)'),
      'commit prepared or rollback prepared it in shop',
      expect.stringContaining(`pg_drop_replication_slot('old')`),
      ...[2, 3, 4, 5].map((pid) => expect.stringContaining(`pg_terminate_backend(${pid})`) as unknown),
    ]);
  });

  it('the doctor shows how many events wait and since when, and who holds the lease', () => {
    const quiet = checkBacklog({ ...calm, lost: 3 });
    expect(quiet.map((one) => one.verdict)).toEqual(['ok', 'ok', 'ok']);
    expect(quiet[0]?.text).toBe(
      'host:1 holds the lease and publishes; its lease was lost 3 times within ten minutes',
    );
    const late = checkBacklog({
      backlog: 12,
      oldestMs: 61_000,
      holder: undefined,
      lost: 0,
      limit: {
        ...calm.limit,
        maxBytes: 10_485_760,
        waitingBytes: 5_242_880,
        bytesPerSecond: 52_428.8,
        refuses: true,
      },
    });
    expect(late).toMatchObject([
      { check: 'relay', verdict: 'ok', text: 'none publishes this outbox now' },
      { check: 'backlog', verdict: 'ok', text: '12 events wait, the oldest for 1 min 1 s' },
      {
        check: 'outbox limit',
        verdict: 'ok',
        text: expect.stringMatching(/full in 1 min 40 s.*refused/) as string,
      },
    ]);
    expect(checkBacklog({ ...calm, oldestMs: 61_000 })[1]?.text).toBe(
      'events of halted topics wait, the oldest for 1 min 1 s',
    );
  });
});

describe("the doctor's alarms", () => {
  it('the doctor lists alarms by the names of the log and of /metrics, with cause and next step', () => {
    const blocker = {
      kind: 'writer',
      holder: 'pid 4711',
      application: 'psql',
      database: 'x',
      ageMs: 1e6,
    } as const;
    const topic = {
      topic: 'orders',
      state: 'halted',
      code: 'MESSAGE_TOO_LARGE',
      detail: 'event e1',
      heldAt: 3n,
    } as const;
    expect(relayItems(calm, [], 100_000)).toEqual([]);
    const late = { ...calm, lost: 5, childrenAhead: 0, oldestMs: 70_000, blockers: [blocker] };
    const conditions = relayItems(late, [topic], 100_000);
    const found = findingsOf({ check: { name: 'relay alarms', sound: 'none' }, found: conditions }, 100_000);
    expect(found.map(({ check, verdict }) => [check, verdict])).toEqual([
      ['alarm topic_record_too_large', 'fail'],
      ['alarm lease_lost_repeatedly', 'warn'],
      ['alarm retention_held_back', 'warn'],
      ['alarm no_child_ahead', 'warn'],
      ['alarm events_late', 'warn'],
    ]);
    expect(found[0]).toMatchObject({ text: 'topic orders, MESSAGE_TOO_LARGE: event e1' });
    expect(found[1]?.text).toContain('held by host:1');
    expect(found[2]?.text).toContain('pid 4711, psql, database x, open for 1000 s');
    expect(found.every(({ next }) => next !== undefined && next !== '')).toBe(true);
  });

  it('the doctor names a synchronous standby that is not connected', () => {
    const state = { isStandby: false, waitingCommits: 0, absent: null };
    expect(serverItems(state)).toEqual([]);
    expect(serverItems({ ...state, absent: 'a' })).toMatchObject([
      { alarm: 'tick_commit_warned', severity: 'act' },
    ]);
  });
});

describe("the doctor's checks of permissions and sizes", () => {
  it('the doctor names the rights that a role lacks, and that it cannot see the transactions of others', () => {
    expect(checkPermissions({ role: 'relay', missing: [], seesOthers: true })).toMatchObject([
      { verdict: 'ok' },
    ]);
    expect(
      checkPermissions({ role: 'relay', missing: ['insert on converge.tick'], seesOthers: false }),
    ).toMatchObject([
      { verdict: 'fail', text: 'relay lacks what a relay needs: insert on converge.tick' },
      {
        verdict: 'warn',
        text: expect.stringContaining('none that waits for a standby is counted') as string,
        next: 'grant pg_monitor to relay',
      },
    ]);
  });

  it('the doctor shows the size of the outbox, and each table that has outgrown its expected size', () => {
    expect(checkSizes({ children: 3, outboxBytes: 73_728, tables: [] })).toEqual([
      { check: 'outbox', verdict: 'ok', text: '3 children, 72 kB with indexes' },
    ]);
    const cursor = { name: 'relay_cursor', live: 12, dead: 90_000 };
    expect(checkSizes({ children: 300, outboxBytes: 2 ** 40, tables: [cursor] })).toMatchObject([
      { check: 'outbox', verdict: 'warn' },
      {
        check: 'bloat',
        verdict: 'warn',
        text: expect.stringContaining('converge.relay_cursor has 90000') as string,
      },
    ]);
  });
});
