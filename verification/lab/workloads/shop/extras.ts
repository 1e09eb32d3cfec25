import { type Check, checkOf } from '../../../checker/check.ts';
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

const repaired = ({ reconciler, key, why }: Repair): string => `${reconciler} repaired ${key}: ${why}`;

const checks = {
  /** Load and faults alone make nothing drift: a repair would fight an event on its way. */
  'no-repairs': ({ dump, repairs }: Evidence) =>
    checkOf('no key was repaired', dump.shop.orders.length, repairs.map(repaired)),
  'declined-cancelled': ({ dump: { shop } }: Evidence) => {
    const ends = new Map(shop.orders.map(({ orderId, state }) => [orderId, state]));
    const declined = shop.payments.filter(({ state }) => state === 'declined');
    const wrong = declined.filter(({ orderId }) => ends.get(orderId) !== 'cancelled');
    return checkOf(
      'declined orders are cancelled',
      declined.length,
      wrong.map(({ orderId }) => `order ${orderId} is ${ends.get(orderId) ?? 'not there'}`),
    );
  },
  'drift-repaired': ({ repairs, drifted }: Evidence) => {
    const done = new Set(repairs.map(({ reconciler, key }) => `${reconciler} ${key}`));
    const keys = [...namesOf(drifted)];
    const findings = keys.filter((name) => !done.has(name)).map((name) => `${name} was not repaired`);
    return checkOf('every corrupted key was repaired', keys.length, findings);
  },
  'late-not-repaired': ({ repairs, drifted }: Evidence) => {
    const expected = namesOf(drifted);
    const others = repairs.filter(({ reconciler, key }) => !expected.has(`${reconciler} ${key}`));
    return checkOf('no key was repaired whose events were merely late', repairs.length, others.map(repaired));
  },
  'repairs-explained': ({ repairs }: Evidence) => {
    const lacking = repairs.filter(
      ({ before, after, why }) => before === null || after === null || why === '',
    );
    return checkOf(
      'every repair says what was before, what after, and why',
      repairs.length,
      lacking.map(({ reconciler, key }) => `${reconciler} ${key} lacks one`),
    );
  },
  'repaired-in-time': ({ repairs }: Evidence, endedMs: number) => {
    const late = repairs.filter(({ at }) => Date.parse(at) - endedMs > BOUND_MS);
    return checkOf(
      `all was repaired within ${BOUND_MS / 1_000} s after the load had ended`,
      repairs.length,
      late.map(({ reconciler, key, at }) => `${reconciler} ${key} after ${Date.parse(at) - endedMs} ms`),
    );
  },
} as const;

export type Extra = keyof typeof checks;

/** The checks that a scenario asks for, besides those of every run. */
export function extraChecks(extras: readonly Extra[], evidence: Evidence, endedMs: number): readonly Check[] {
  return extras.map((extra) => checks[extra](evidence, endedMs));
}

function namesOf(drifted: readonly Drifted[]): ReadonlySet<string> {
  return new Set(drifted.flatMap(({ reconciler, keys }) => keys.map((key) => `${reconciler ?? '?'} ${key}`)));
}
