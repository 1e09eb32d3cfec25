import { once } from 'node:events';
import { waitUntil } from '@converge/testing';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { ProcessScene, reordered } from './fixture/process-scene.ts';

describe('a consumer that is killed', () => {
  let scene: ProcessScene;

  beforeEach(async () => {
    scene = await ProcessScene.open(inject('stack'));
  });
  afterEach(() => scene.close());

  it.each([
    'inbox.in_handler@1',
    'inbox.in_handler@70',
    'inbox.before_commit@1',
    'inbox.before_commit@4',
    'inbox.after_commit@1',
    'inbox.after_commit@2',
  ])('at %s has every effect once, in the order of each key', async (failpoint) => {
    await scene.send(60);
    const { child: killed } = scene.start({ CONVERGE_FAILPOINT: failpoint });
    const exit = once(killed, 'exit');
    await waitUntil(async () => (await scene.lines()).length > 0 || killed.signalCode !== null, {
      what: 'work',
    });
    await scene.send(60);
    expect((await exit)[1]).toBe('SIGKILL');
    const next = scene.start();
    await scene.effects(120);
    expect(await scene.end(next)).toBe(0);
    const found = await scene.lines();
    expect(found.map(({ event_id }) => event_id).toSorted()).toEqual(scene.ids.toSorted());
    expect(reordered(found)).toEqual([]);
    const { rows } = await scene.database.executor.query<{ n: string; ids: string }>(
      'select count(*) as n, count(distinct event_id) as ids from converge.outbox',
    );
    expect(rows).toEqual([{ n: '120', ids: '120' }]);
  });
});
