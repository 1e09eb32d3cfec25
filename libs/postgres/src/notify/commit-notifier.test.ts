import { manualClock } from '@convergekit/testing';
import { describe, expect, it } from 'vitest';
import { CommitNotifier, type Listeners } from './commit-notifier.ts';

interface Sent {
  readonly at: number;
  readonly channel: string;
  readonly payload: string;
}

/** Creates a notifier on a manual clock whose notifications take `takesMs` and then do what `answer` does. */
function notifying(takesMs = 0, answer: () => Promise<void> = () => Promise.resolve()) {
  const clock = manualClock();
  const sent: Sent[] = [];
  const listeners: Listeners = new Map();
  const onPool = (database: string): CommitNotifier =>
    new CommitNotifier(
      async (channel, payload) => {
        await clock.sleep(takesMs);
        sent.push({ at: clock.monotonic(), channel, payload: payload() });
        await answer();
      },
      clock,
      { listeners, target: { host: '127.0.0.1', port: 5432, database, user: 'app' } },
    );
  const notifier = onPool('orders');
  const commit = (count = 1, channel = 'one'): void => notifier.committed({ channel, count });
  return { clock, sent, listeners, onPool, notifier, commit };
}

/**
 * Planted faults, each seen to fail here:
 * - the count is taken when the connection is asked for: commits meanwhile are announced a period late;
 * - a failed notification is repeated at once: a database that refuses is asked without end.
 */
describe('notifications of commits', () => {
  it('a commit after a pause is announced at once', async () => {
    const { clock, sent, commit } = notifying();
    commit(3);
    await clock.advance(0);
    expect(sent).toEqual([{ at: 0, channel: 'one', payload: '3' }]);
  });

  it('commits are announced at most once in 5 ms, and each is counted in exactly one notification', async () => {
    const { clock, sent, commit } = notifying();
    for (let at = 0; at < 1_000; at += 1) {
      commit();
      await clock.advance(0.1);
    }
    await clock.advance(10);
    const gaps = sent.slice(1).map(({ at }, index) => at - (sent[index]?.at ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(5);
    expect(sent.length).toBeLessThanOrEqual(21);
    expect(sent.reduce((sum, { payload }) => sum + Number(payload), 0)).toBe(1_000);
  });

  it('a notification covers the commits that came while it waited for its connection', async () => {
    const { clock, sent, commit } = notifying(20);
    commit();
    await clock.advance(10);
    commit();
    await clock.advance(10);
    expect(sent).toEqual([{ at: 20, channel: 'one', payload: '2' }]);
  });

  it('a listener of the process hears each commit at once, and in its time none is announced', async () => {
    const { clock, sent, notifier, commit } = notifying();
    const heard: string[] = [];
    const end = notifier.listenHere('one', (payload) => heard.push(payload));
    commit(3);
    commit(1);
    commit(5, 'other');
    await clock.advance(10);
    expect(heard).toEqual(['3', '1']);
    expect(sent.map(({ channel }) => channel)).toEqual(['other']);
    end();
    commit(2);
    await clock.advance(10);
    expect([heard, sent.at(-1)?.payload]).toEqual([['3', '1'], '2']);
  });

  it('pools for one database share listeners, those for another do not, and nothing of a listener stays', async () => {
    const { clock, sent, listeners, onPool, notifier } = notifying();
    const heard: string[] = [];
    const ends = ['first', 'second'].map((name) =>
      notifier.listenHere('one', (payload) => heard.push(`${name} ${payload}`)),
    );
    onPool('orders').committed({ channel: 'one', count: 1 });
    onPool('payments').committed({ channel: 'one', count: 2 });
    await clock.advance(0);
    ends[0]?.();
    ends[0]?.();
    onPool('orders').committed({ channel: 'one', count: 3 });
    expect(heard).toEqual(['first 1', 'second 1', 'second 3']);
    expect(sent.map(({ payload }) => payload)).toEqual(['2']);
    ends[1]?.();
    expect(listeners.size).toBe(0);
  });

  it('a notification that fails is dropped, and the next commit is announced again', async () => {
    let isDown = true;
    const { clock, sent, commit } = notifying(0, () =>
      isDown ? Promise.reject(new Error('away')) : Promise.resolve(),
    );
    commit(2);
    await clock.advance(1_000);
    expect(sent).toHaveLength(1);
    isDown = false;
    commit();
    await clock.advance(0);
    expect(sent.at(-1)).toEqual({ at: 1_000, channel: 'one', payload: '1' });
  });

  it('channels are announced separately', async () => {
    const { clock, sent, commit } = notifying();
    commit(1, 'one');
    commit(2, 'two');
    await clock.advance(0);
    expect(sent.map(({ channel, payload }) => [channel, payload])).toEqual([
      ['one', '1'],
      ['two', '2'],
    ]);
  });

  it('closing sends what waits without the rest of the period', async () => {
    const { clock, sent, notifier, commit } = notifying();
    commit();
    await clock.advance(1);
    commit();
    const closing = notifier.close();
    await clock.advance(0);
    await closing;
    expect(sent.map(({ at, payload }) => [at, payload])).toEqual([
      [0, '1'],
      [1, '1'],
    ]);
  });

  it('closing waits for a server that does not answer for a second at most', async () => {
    const { clock, notifier, commit } = notifying(0, () => new Promise(() => undefined));
    commit();
    await clock.advance(0);
    let isClosed = false;
    void notifier.close().then(() => (isClosed = true));
    await clock.advance(999);
    expect(isClosed).toBe(false);
    await clock.advance(1);
    expect(isClosed).toBe(true);
  });
});
