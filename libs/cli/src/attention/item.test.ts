import { expect, it } from 'vitest';
import { worstFirst } from './item.ts';

it('what needs an operator comes first, then the oldest, and what has no time last of its kind', () => {
  const at = (ms: number | null) => (ms === null ? null : new Date(ms));
  const item = (severity: 'act' | 'watch', ms: number | null) => ({ severity, since: at(ms) });
  const items = [item('watch', 1), item('act', null), item('act', 9), item('watch', null), item('act', 3)];
  expect(worstFirst(items)).toEqual([
    item('act', 3),
    item('act', 9),
    item('act', null),
    item('watch', 1),
    item('watch', null),
  ]);
});
