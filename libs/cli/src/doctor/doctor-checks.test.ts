import { describe, expect, it } from 'vitest';
import { checkBacklog } from './backlog-checks.ts';
import { checkServerSettings, judgeClock, type ServerSettings } from './settings-checks.ts';
import { checkTransactions } from './transaction-checks.ts';

const sound: ServerSettings = {
  versionNumber: 180_000,
  version: '18.0',
  inRecovery: false,
  synchronousCommit: 'on',
  fsync: 'on',
};
const verdicts = (change: Partial<ServerSettings>) =>
  checkServerSettings({ ...sound, ...change }).map((one) => [one.check, one.verdict]);

describe("the doctor's checks of the server", () => {
  it('find nothing wrong with a sound one', () => {
    expect(verdicts({}).every(([, verdict]) => verdict === 'ok')).toBe(true);
  });

  it('refuse a Postgres older than 14, a replica, and fsync off', () => {
    expect(verdicts({ versionNumber: 130_022, version: '13.22' })).toContainEqual([
      'postgres version',
      'fail',
    ]);
    expect(verdicts({ inRecovery: true })).toContainEqual(['primary', 'fail']);
    expect(verdicts({ fsync: 'off' })).toContainEqual(['fsync', 'fail']);
  });

  it('warn of synchronous_commit off, which loses commits but publishes none of them', () => {
    expect(verdicts({ synchronousCommit: 'off' })).toContainEqual(['synchronous_commit', 'warn']);
  });

  it('say which clock is ahead', () => {
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

describe("the doctor's checks of what waits", () => {
  it('name who holds a transaction open, for how long, and how to end it', () => {
    const [finding] = checkTransactions([
      { kind: 'writer', holder: 'pid 4711', application: 'psql', database: 'shop', ageMs: 7_300_000 },
    ]);
    expect(finding).toMatchObject({
      verdict: 'warn',
      next: expect.stringContaining('pg_terminate_backend(4711)') as string,
    });
    expect(finding?.text).toContain('pid 4711, psql, database shop, open for 2 h 1 min');
  });

  it('tell a reader, a prepared transaction and a slot apart by what is to be done, and stop at five', () => {
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
      expect.stringContaining('pg_terminate_backend(2)'),
      expect.stringContaining('pg_terminate_backend(3)'),
      '',
    ]);
    expect(found.at(-1)?.text).toBe('2 more like these');
  });

  it('tell how many events wait and since when', () => {
    const calm = checkBacklog({ events: 0, oldestMs: null, held: [], leader: 'host:1' });
    expect(calm.map((one) => one.verdict)).toEqual(['ok', 'ok']);
    const late = checkBacklog({ events: 12, oldestMs: 61_000, held: [], leader: null });
    expect(late).toMatchObject([
      { check: 'relay', verdict: 'warn' },
      { check: 'backlog', verdict: 'warn', text: '12 events wait, the oldest for 1 min 1 s' },
    ]);
  });

  it('name a held topic and its reason', () => {
    const found = checkBacklog({
      events: 0,
      oldestMs: null,
      held: [{ topic: 'a', reason: 'TOPIC_UNKNOWN: no' }],
      leader: 'x',
    });
    expect(found.at(-1)).toMatchObject({
      check: 'topic a',
      verdict: 'fail',
      text: 'held: TOPIC_UNKNOWN: no',
    });
  });
});
