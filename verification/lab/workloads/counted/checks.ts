import type { Check } from '../../../checker/check.ts';
import type { EffectCounts } from './effects-sql.ts';

export interface Shown {
  readonly comparison: { readonly result?: { readonly refusals: unknown[]; readonly unread: unknown[] } };
}

/** True when `converge source show` printed that the log has everything that this source published. */
export function isComplete({ result }: Shown['comparison']): boolean {
  return result !== undefined && result.refusals.length === 0 && result.unread.length === 0;
}

export function refusedCheck(looked: number, refused: number): Check {
  const findings = refused === 0 ? [] : [`${refused} transactions failed`];
  return { claim: 'no transaction of a writer failed', looked, findings };
}

export function effectChecks(name: string, looked: number, counts: EffectCounts): readonly Check[] {
  const check = (claim: string, count: number, holds: Check['holds'] = 'always'): Check => ({
    ...{ claim: `${claim} at ${name}`, holds, looked },
    findings: count === 0 ? [] : [`${count} events`],
  });
  return [
    check('each event has its effect', counts.lost, 'at_rest'),
    check('no event has its effect twice', counts.twice),
    check('no effect is of an event that the outbox does not have', counts.invented),
    check('effects are in the order of their key', counts.outOfOrder),
  ];
}
