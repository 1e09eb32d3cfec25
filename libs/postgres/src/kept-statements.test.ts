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

// Seen to fail when a text takes a place at its first use: after 200 that came once, as inserts of so many rows each, no more is kept.
it('texts that come once do not keep later ones from being kept', () => {
  const kept = new KeptStatements(manualClock());
  for (let rows = 1; rows <= 5_000; rows += 1) kept.use(`insert into t values ($${rows})`);
  expect(kept.use('select 1')).toBeUndefined();
  expect(kept.use('select 1')).toEqual({ name: 'converge_0', parseAgain: true });
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
