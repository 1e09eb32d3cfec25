import { expect, it } from 'vitest';
import { isWarning } from './lead.ts';

it.each([
  ['WARNING', '01000', true],
  ['WARNUNG', '01000', true],
  ['警告', '01000', true],
  ['WARNING', '57P01', true],
  ['NOTICE', '00000', false],
  ['HINWEIS', '00000', false],
  ['WARNING', undefined, true],
])('a notice of severity %s with SQLSTATE %s is a warning: %s', (severity, code, expected) => {
  const notice = { severity, ...(code === undefined ? {} : { code }) };
  expect(isWarning(notice)).toBe(expected);
});
