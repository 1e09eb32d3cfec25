import { manualClock } from '@convergekit/testing';
import { expect, it } from 'vitest';
import { KeptStatements } from './kept-statements.ts';

it('a statement is kept from its second use on, and parsed again after a minute', async () => {
  const clock = manualClock();
  const kept = new KeptStatements(clock);
  expect(kept.use('a')).toBeUndefined();
  expect(kept.use('a')).toEqual({ name: 'converge_0', parseAgain: true });
  await clock.advance(59_999);
  expect(kept.use('a')).toEqual({ name: 'converge_0', parseAgain: false });
  await clock.advance(1);
  expect(kept.use('a')).toEqual({ name: 'converge_0', parseAgain: true });
  expect(kept.use('a')).toEqual({ name: 'converge_0', parseAgain: false });
});

it('a session remembers 200 texts and no more, and none with large values written into it', () => {
  const kept = new KeptStatements(manualClock());
  const long = `select '${'x'.repeat(40_000)}'`;
  const texts = [long, ...Array.from({ length: 300 }, (_, index) => `select ${index}`)];
  for (const text of texts) kept.use(text);
  const names = texts.map((text) => kept.use(text)?.name);
  expect(names[0]).toBeUndefined();
  expect(new Set(names.filter((name) => name !== undefined)).size).toBe(200);
});
