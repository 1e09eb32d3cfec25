import { expect, it } from 'vitest';
import { KeptStatements } from './kept-statements.ts';

it('a statement is kept from its second use on, and parsed again after a minute', () => {
  const kept = new KeptStatements();
  expect(kept.use('a', 0)).toBeUndefined();
  expect(kept.use('a', 5)).toEqual({ name: 'converge_0', parseAgain: true });
  expect(kept.use('a', 60_004)).toEqual({ name: 'converge_0', parseAgain: false });
  expect(kept.use('a', 60_005)).toEqual({ name: 'converge_0', parseAgain: true });
  expect(kept.use('a', 60_006)).toEqual({ name: 'converge_0', parseAgain: false });
});

it('a session remembers 200 texts and no more', () => {
  const kept = new KeptStatements();
  const texts = Array.from({ length: 300 }, (_, index) => `select ${index}`);
  for (const text of texts) kept.use(text, 0);
  const names = texts.map((text) => kept.use(text, 1)?.name).filter((name) => name !== undefined);
  expect(new Set(names).size).toBe(200);
});
