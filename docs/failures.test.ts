import { readFileSync } from 'node:fs';
import { CATEGORIES, CERTAINTIES } from '@convergekit/core/engine';
import { strategies } from '@convergekit/resilience';
import { describe, expect, it } from 'vitest';
import { codesOf, thrownCodes } from './failures-scan.ts';
import { strategyTable } from './strategy-table.ts';

const page = readFileSync(new URL('failures.md', import.meta.url), 'utf8');
/** Read once: it parses all of libs/. */
const thrown = thrownCodes(new URL('..', import.meta.url).pathname);

/** The lines of the list of codes: code → its parts. */
const rows = new Map(
  [...page.matchAll(/^- `([A-Za-z_]+)` \(([^;)]+)(?:; (\w+))?\): (.+?)\. Do: (.+)$/gm)].map(
    ([, code = '', categories = '', certainty = 'not_applied', happened = '', todo = '']) =>
      [code, { categories: categories.split(', '), certainty, happened, todo }] as const,
  ),
);

describe('the failure matrix', () => {
  // Planted fault: without a row for BREAKER_OPEN, for example, this fails and names it.
  it('S1: the failure matrix has a row for every error code that a library throws', () => {
    const missing = thrown.filter(({ code }) => !rows.has(code));
    expect(
      missing.map(({ library, code }) => `${code} of libs/${library} has no row in docs/failures.md`),
    ).toEqual([]);
  });

  it('the failure matrix has no row for a code that is never thrown', () => {
    const codes = new Set(thrown.map(({ code }) => code));
    const made = ['REJECTED', 'UNCLASSIFIED'];
    expect([...rows.keys()].filter((code) => !codes.has(code) && !made.includes(code))).toEqual([]);
  });

  it('S1: the failure matrix describes each error as the code does', () => {
    const wrong = thrown.filter(({ code, category, certainty }) => {
      const row = rows.get(code);
      const categoryFits = category === undefined || row?.categories.includes(category) === true;
      return !categoryFits || (certainty !== undefined && row?.certainty !== certainty);
    });
    expect(wrong).toEqual([]);
  });

  it('the failure matrix uses the words of the code, and names the next step', () => {
    for (const { categories, certainty, happened, todo } of rows.values()) {
      expect(CATEGORIES).toEqual(expect.arrayContaining(categories));
      expect(CERTAINTIES).toContain(certainty);
      expect([happened.length > 5, todo.length > 3]).toEqual([true, true]);
    }
  });

  it('S1: the failure matrix shows the strategies as they are in the code', () => {
    expect(page).toContain(strategyTable(strategies));
  });
});

describe('the scan for codes', () => {
  it('the scan for codes finds those in literals, types, classes and arguments of throwing functions', () => {
    const text = `
      type MineErrorCode = 'A_ONE' | 'A_TWO';
      class FixedError extends Error { readonly code = 'A_THREE'; }
      const e = new MineError('text', { code: 'A_FOUR', category: 'data', certainty: 'unknown' });
      const f = new InboxError('A_FIVE', 'text');
      const g = new MineError('text', { code: f ? 'A_SEVEN' : 'A_EIGHT', category: 'bug' });
      throw wrong('A_SIX', 'text');
      throw missing('A_SETTING', 'text');
    `;
    expect(codesOf('x', text).map(({ code, category }) => `${code} ${category ?? ''}`.trim())).toEqual([
      'A_ONE',
      'A_TWO',
      'A_THREE',
      'A_FOUR data',
      'A_FIVE',
      'A_SEVEN bug',
      'A_EIGHT bug',
      'A_SIX',
    ]);
  });
});
