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
  [
    'configuration not_applied structural',
    '0L000 0P000 26000 28000 28P01 3D000 3F000 42501 42703 42883 42P01 57P04 F0000',
  ],
  ['data not_applied', '22001 22P02 23502 23503 23505 27000 40002 44000 54000 P0001'],
  ['service not_applied', '25006 25P03 25P04 53100 53300 53400 55000 57014 57P03 HV000'],
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
    // Planted fault: the server's text, which is German here, compared with an English one.
    const cached = { code: '0A000', severity: 'FEHLER', routine: 'RevalidateCachedQuery' };
    expect(axes(thrown(cached, 'gecachter Plan darf den Ergebnistyp nicht ändern'))).toBe(
      'contention not_applied',
    );
  });

  // Seen with Postgres 18.4 for one in a hundred rebuilds of a table with eight writers of six keys.
  it.each([
    ['saga_instance_pkey_ccnew', 'contention not_applied'],
    ['saga_instance_pkey_ccnew1', 'contention not_applied'],
    // A rebuild that was cancelled leaves it behind, and every true duplicate names it. Planted fault: it was rerun for ever.
    ['saga_instance_pkey_ccold', 'data not_applied'],
    ['saga_instance_pkey', 'data not_applied'],
  ])('a duplicate in %s is %s', (constraint, expected) => {
    expect(axes(thrown({ code: '23505', severity: 'ERROR', constraint }))).toBe(expected);
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

  // 08P01 is the state of all that PgBouncer says itself. Planted fault: a crash of Postgres behind it is a bug of the caller.
  it.each([
    ['server conn crashed?', 'network unknown'],
    ['query_wait_timeout', 'network unknown'],
    ['server login has been failing, try again later (server_login_retry)', 'network unknown'],
    ['database "shop" does not exist', 'configuration not_applied structural'],
    ['no such database: shop', 'configuration not_applied structural'],
    ['"trust" authentication failed', 'configuration not_applied structural'],
    ['unsupported startup parameter: options', 'configuration not_applied structural'],
  ])('PgBouncer, which names no routine, says %j: %s', (message, expected) => {
    expect(axes(thrown({ code: '08P01', severity: 'FATAL' }, message))).toBe(expected);
  });

  it('a protocol violation that Postgres reports is a bug', () => {
    const refused = { code: '08P01', severity: 'FATAL', routine: 'pq_getmsgend' };
    expect(axes(thrown(refused, 'invalid message format'))).toBe('bug unknown structural');
  });

  // Planted fault: taken for a value that is too large, events are given up until tables are vacuumed.
  it.each(['GetNewTransactionId', 'GetNewMultiXactId'])(
    'a server that refuses writes for its transaction ids (%s) is a service that is away',
    (routine) => {
      expect(axes(thrown({ code: '54000', severity: 'ERROR', routine }))).toBe('service not_applied');
    },
  );

  it('a missing column is structural, a burst of lost connections is not', () => {
    expect(classify(pg('42703')).structural).toBe(true);
    expect(classify(pg('08006')).structural).toBe(false);
  });
});
