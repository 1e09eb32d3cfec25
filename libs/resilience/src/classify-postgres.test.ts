import { describe, expect, it } from 'vitest';
import { classify } from './index.ts';
import { axes, pg, thrown } from './fixture/thrown.ts';

/** A code of each SQLSTATE class, and the codes that differ from theirs. */
const table: readonly (readonly [axes: string, codes: string])[] = [
  [
    'bug not_applied structural',
    '00000 01000 03000 09000 0A000 0B000 0F000 0Z000 10608 20000 21000 24000 25001 25P02 2B000 2D000 2F000 34000 38000 39000 3B000 42601 54001 P0004',
  ],
  ['bug not_applied', '02000'],
  ['network unknown', '08000 08003 08006 08007 40003 57P01 57P02'],
  ['network not_applied', '08001 08004 57P05'],
  ['bug unknown structural', '08P01'],
  [
    'configuration not_applied structural',
    '0L000 0P000 26000 28000 28P01 3D000 3F000 42501 42703 42883 42P01 53400 57P04 F0000',
  ],
  ['data not_applied', '22001 22P02 23502 23503 23505 27000 40002 44000 54000 P0001'],
  ['service not_applied', '25006 25P03 25P04 53100 53300 55000 57014 57P03 HV000'],
  ['contention not_applied', '40001 40P01 55P03 72000'],
  ['service unknown', '58030'],
  ['service not_applied structural', '58P01'],
  ['service unknown structural', 'XX000 XX001'],
];
const rows = table.flatMap(([expected, codes]) => codes.split(' ').map((code) => [code, expected] as const));

/** Appendix A of the manual of PostgreSQL 18. */
const classes =
  '00 01 02 03 08 09 0A 0B 0F 0L 0P 0Z 10 20 21 22 23 24 25 26 27 28 2B 2D 2F 34 38 39 3B 3D 3F 40 42 44 53 54 55 57 58 F0 HV P0 XX';

describe('errors of Postgres', () => {
  it.each(rows)('SQLSTATE %s is %s', (code, expected) => {
    expect(axes(pg(code))).toBe(expected);
    expect(classify(pg(code)).code).toBe(code);
  });

  it('the Postgres table has every class of SQLSTATE', () => {
    const seen = new Set(rows.map(([code]) => code.slice(0, 2)));
    expect(classes.split(' ').filter((one) => !seen.has(one))).toEqual([]);
  });

  it('a plan from before a migration is contention: the next attempt plans again', () => {
    const cached = thrown({ code: '0A000', severity: 'ERROR' }, 'cached plan must not change result type');
    expect(axes(cached)).toBe('contention not_applied');
  });

  // Planted faults: a standby that is known by one of its two settings, and one that is known by the routine alone.
  it('a standby that refuses BEGIN is a service that is away, and a setting that is wrong is none', () => {
    const refusal = (code: string, kind: string) =>
      axes(
        thrown({ code, severity: 'FEHLER', routine: `call_${kind}_check_hook` }, 'cannot set transaction …'),
      );
    expect(refusal('0A000', 'bool')).toBe('service not_applied');
    expect(refusal('0A000', 'enum')).toBe('service not_applied');
    expect(refusal('25001', 'bool')).not.toBe('service not_applied');
  });

  it('a missing column is structural, a burst of lost connections is not', () => {
    expect(classify(pg('42703')).structural).toBe(true);
    expect(classify(pg('08006')).structural).toBe(false);
  });
});
