import { describe, expect, it } from 'vitest';
import { choose, MOST_SECONDS } from './choose.ts';
import type { Part } from './parts.ts';
import { parts } from './parts.ts';

const part = (name: string, ...projects: string[]): Part => ({
  name,
  shows: name,
  projects,
  steps: ['true'],
});
const [a, b, c] = [part('a', 'x'), part('b', 'x', 'y'), part('c', 'z')];
const names = (some: readonly Part[]): string[] => some.map(({ name }) => name);

describe('the parts of verify for a change', () => {
  it('the part that has not passed for longest comes first, then the changed ones, the quickest first', () => {
    const runs = {
      a: { on: '2026-03-02', seconds: 50 },
      b: { on: '2026-03-03', seconds: 20 },
      c: { on: '2026-03-01', seconds: 100 },
    };
    const chosen = choose([a, b, c], { changed: new Set(['x']), runs, seconds: 600 });
    expect(names(chosen.touched)).toEqual(['b', 'a']);
    expect(chosen.oldest).toBe(c);
    expect(chosen.left).toEqual([]);
  });

  it('a part that does not fit is named', () => {
    const runs = { a: { on: '2026-03-02', seconds: 500 }, b: { on: '2026-03-03', seconds: 200 } };
    const chosen = choose([a, b], { changed: new Set(['x']), runs, seconds: 600 });
    expect(chosen.oldest).toBe(a);
    expect(names(chosen.left)).toEqual(['b']);
  });

  it('a part that never passed counts as the oldest, and as long as a part may take', () => {
    const runs = { b: { on: '2026-03-03', seconds: 200 } };
    expect(choose([a, b], { changed: new Set(), runs, seconds: MOST_SECONDS }).oldest).toBe(a);
    expect(choose([a, b], { changed: new Set(), runs, seconds: MOST_SECONDS - 1 }).oldest).toBe(b);
  });
});

it('every part of verify has a name of its own and at least one step', () => {
  expect(new Set(parts.map(({ name }) => name)).size).toBe(parts.length);
  for (const { steps } of parts) expect(steps.length).toBeGreaterThan(0);
});
