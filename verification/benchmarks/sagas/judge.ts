import { unmet } from '../../checker/check.ts';
import { expectedOutcome, type Order, type Outcome } from './order.ts';
import type { LedgerEntry } from './stub/provider.ts';

interface Allocation {
  readonly orderId: string;
  readonly quantity: number;
}

/** The records of a run: what was ordered, what the databases hold, and the provider's own ledger. */
export interface Facts {
  readonly orders: readonly Order[];
  readonly ends: readonly { readonly orderId: string; readonly outcome: Outcome }[];
  readonly reservations: readonly (Allocation & { readonly state: 'held' | 'released' })[];
  readonly allocations: readonly Allocation[];
  readonly ledger: readonly LedgerEntry[];
}

export type Judgement = ReturnType<typeof judge>;

/** The number of violations that are reported in full. */
const SHOWN = 5;

/** Judges a run: money, stock and outcome of each order that ended, and the sums over all of them. */
export function judge(facts: Facts) {
  const ends = groupBy(facts.ends);
  const reservations = groupBy(facts.reservations);
  const allocations = groupBy(facts.allocations);
  const ledger = groupBy(facts.ledger);
  const ended = facts.orders.filter(({ orderId }) => ends.has(orderId));
  const violations = ended.flatMap((order) => {
    const { orderId } = order;
    return violationsOf(order, {
      ends: ends.get(orderId) ?? [],
      reservations: reservations.get(orderId) ?? [],
      allocations: allocations.get(orderId) ?? [],
      ledger: ledger.get(orderId) ?? [],
    }).map((text) => `order ${orderId}: ${text}`);
  });
  const known = new Set(facts.orders.map(({ orderId }) => orderId));
  const strangers = [...ends.keys(), ...ledger.keys()].filter((orderId) => !known.has(orderId));
  if (strangers.length > 0) violations.push(`${strangers.length} orders have effects and were not placed`);
  return {
    /** Sums and rows that contradict each other; a run with one is worthless. Only orders that ended are judged. */
    violations: [
      ...violations.slice(0, SHOWN),
      ...(violations.length > SHOWN ? [`and ${violations.length - SHOWN} more`] : []),
    ],
    /** Orders that were charged or refunded more than once: two keys for one effect. */
    doubles: [...ledger.values()].filter(
      (entries) => countOf(entries, 'charge') > 1 || countOf(entries, 'refund') > 1,
    ).length,
    /** Calls that came again under a known key; the provider dropped them. */
    repeats: facts.ledger.reduce((sum, { calls }) => sum + calls - 1, 0),
    notEnded: facts.orders.length - ended.length,
  };
}

type OrderFacts = Omit<Facts, 'orders'>;

function violationsOf(order: Order, { ends, reservations, allocations, ledger }: OrderFacts): string[] {
  const expected = expectedOutcome(order);
  const completed = expected === 'completed';
  const net = ledger.reduce((sum, { kind, cents }) => sum + (kind === 'charge' ? cents : -cents), 0);
  const wanted = completed ? order.cents : 0;
  const held = sumOf(reservations.filter(({ state }) => state === 'held'));
  const allocated = sumOf(allocations);
  const pieces = completed ? order.quantity : 0;
  return unmet(
    [ends.length === 1, `it ended ${ends.length} times`],
    [ends.every(({ outcome }) => outcome === expected), `it is not ${expected}`],
    [net === wanted, `the ledger says ${net} cents, ${wanted} expected`],
    [countOf(ledger, 'charge') > 0, 'it was never charged'],
    [reservations.length === 1, `it has ${reservations.length} reservations`],
    [held === pieces, `${held} pieces are reserved, ${pieces} expected`],
    [allocated === pieces, `${allocated} pieces are allocated, ${pieces} expected`],
  );
}

function countOf(ledger: readonly LedgerEntry[], wanted: LedgerEntry['kind']): number {
  return ledger.filter(({ kind }) => kind === wanted).length;
}

function sumOf(rows: readonly { readonly quantity: number }[]): number {
  return rows.reduce((sum, { quantity }) => sum + quantity, 0);
}

function groupBy<T extends { readonly orderId: string }>(rows: readonly T[]): ReadonlyMap<string, T[]> {
  return Map.groupBy(rows, ({ orderId }) => orderId);
}
