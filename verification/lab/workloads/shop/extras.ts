import type { Check } from '../../../checker/check.ts';
import type { ShopDump } from '../../../checker/shop/claims.ts';
import type { Repair } from '../../operator.ts';
import type { Drifted } from '../../types.ts';

/** What a judge of the shop has read. */
export interface Evidence {
  readonly dump: ShopDump;
  readonly repairs: readonly Repair[];
  readonly drifted: readonly Drifted[];
}

/** The stated bound is 90 s after the late consumer goes on, 3.5 s before the load ends, in milliseconds. */
const BOUND_MS = 86_000;

const checks = {
  /** Load and faults alone make nothing drift: a repair would fight an event on its way. */
  'no-repairs': ({ dump, repairs }: Evidence): Check => ({
    claim: 'no key was repaired',
    looked: dump.shop.orders.length,
    findings: repairs.map(({ reconciler, key, why }) => `${reconciler} repaired ${key}: ${why}`),
  }),
  'declined-cancelled': ({ dump: { shop } }: Evidence): Check => {
    const ends = new Map(shop.orders.map(({ orderId, state }) => [orderId, state]));
    const declined = shop.payments.filter(({ state }) => state === 'declined');
    return {
      claim: 'declined orders are cancelled',
      looked: declined.length,
      findings: declined
        .filter(({ orderId }) => ends.get(orderId) !== 'cancelled')
        .map(({ orderId }) => `order ${orderId} is ${ends.get(orderId) ?? 'not there'}`),
    };
  },
  'drift-repaired': ({ repairs, drifted }: Evidence): Check => {
    const keys = drifted.flatMap(({ reconciler, keys: own }) => own.map((key) => [reconciler, key] as const));
    return {
      claim: 'every corrupted key was repaired',
      looked: keys.length,
      findings: keys
        .filter(
          ([reconciler, key]) => !repairs.some((one) => one.reconciler === reconciler && one.key === key),
        )
        .map(([reconciler, key]) => `${reconciler ?? '?'} did not repair ${key}`),
    };
  },
  'late-not-repaired': ({ repairs, drifted }: Evidence): Check => {
    const expected = new Set(
      drifted.flatMap(({ reconciler, keys }) => keys.map((key) => `${reconciler ?? ''} ${key}`)),
    );
    return {
      claim: 'no key was repaired whose events were merely late',
      looked: repairs.length,
      findings: repairs
        .filter(({ reconciler, key }) => !expected.has(`${reconciler} ${key}`))
        .map(({ reconciler, key, why }) => `${reconciler} repaired ${key}: ${why}`),
    };
  },
  'repairs-explained': ({ repairs }: Evidence): Check => ({
    claim: 'every repair says what was before, what after, and why',
    looked: repairs.length,
    findings: repairs
      .filter(({ before, after, why }) => before === null || after === null || why === '')
      .map(({ reconciler, key }) => `${reconciler} ${key} lacks one`),
  }),
} as const;

export type Extra = keyof typeof checks | 'repaired-in-time';

/** The checks that a scenario asks for, besides those of every run. */
export function extraChecks(extras: readonly Extra[], evidence: Evidence, endedMs: number): readonly Check[] {
  return extras.map((extra) =>
    extra === 'repaired-in-time' ? inTime(evidence, endedMs) : checks[extra](evidence),
  );
}

function inTime({ repairs }: Evidence, endedMs: number): Check {
  return {
    claim: `all was repaired within ${BOUND_MS / 1_000} s after the load had ended`,
    looked: repairs.length,
    findings: repairs
      .map(({ reconciler, key, at }) => ({ reconciler, key, after: Date.parse(at) - endedMs }))
      .filter(({ after }) => after > BOUND_MS)
      .map(({ reconciler, key, after }) => `${reconciler} ${key} after ${after} ms`),
  };
}
