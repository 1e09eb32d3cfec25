import { expect, it } from 'vitest';
import { RunningActions } from './running.ts';

// Planted fault: without the look whether it still runs, the first action is unknown here.
it('an action that still runs stays visible however many actions ended after it', async () => {
  let made = 0;
  const actions = new RunningActions(() => `action-${(made += 1)}`);
  const end = Promise.withResolvers<undefined>();
  const outcome = { text: 'done', changed: 1, href: '/' };
  const title = { title: 'repair', user: 'ann' };
  const long = actions.start(title, () => end.promise.then(() => outcome));
  for (let n = 0; n < 300; n += 1) await actions.ended(actions.start(title, () => Promise.resolve(outcome)));
  expect(actions.get(long).progress.kind).toBe('runs');
  expect(() => actions.get('action-2')).toThrow('no such action');
  end.resolve(undefined);
  await actions.ended(long);
  expect(actions.get(long).progress).toEqual({ kind: 'ended', outcome });
});
