import { expect, it } from 'vitest';
import { isAllowed } from './licenses.ts';

it.each([
  ['MIT', true],
  ['(MIT OR GPL-3.0-only)', true],
  ['MIT AND ISC', true],
  ['(MIT AND ISC) OR CC-BY-4.0', true],
  ['MIT OR (GPL-2.0-only AND', false],
  ['GPL-3.0-only', false],
  ['MIT AND GPL-3.0-only', false],
  ['GPL-3.0-only OR MIT AND SSPL-1.0', false],
  ['Apache-2.0 WITH LLVM-exception', false],
  ['MIT/X11', false],
  ['SEE LICENSE IN LICENSE.md', false],
  ['UNLICENSED', false],
  ['MIT)', false],
  ['', false],
])('the license %j is allowed: %s', (expression, expected) => {
  expect(isAllowed(expression)).toBe(expected);
});
