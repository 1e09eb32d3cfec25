import { expect, it } from 'vitest';
import { topicsOf } from './declared-topics.ts';

it('the topics of a service are its own, and a value that only looks like one has none', () => {
  const run = (): Promise<void> => Promise.resolve();
  expect(topicsOf({ name: 'travel', topics: ['trips', 'travel.observer.failures'], run })).toEqual([
    'trips',
    'travel.observer.failures',
  ]);
  expect(
    [
      { name: 'x', run },
      { topics: ['t'], run },
      { name: 'x', topics: ['t'] },
    ].flatMap(topicsOf),
  ).toEqual([]);
});
