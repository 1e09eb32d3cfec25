import type { OrderLine } from '@convergekit/schemas';

/** The state of an order: placed → confirmed | cancelled. Both ends are final. */
export type OrderState = 'placed' | 'confirmed' | 'cancelled';

export type Outcome =
  { readonly state: 'confirmed' } | { readonly state: 'cancelled'; readonly reason: string };

export type OrderDecision =
  | { readonly kind: 'settle'; readonly outcome: Outcome }
  /** The order ended this way before: nothing to do. */
  | { readonly kind: 'settled' }
  /** The order ended the other way: the protocol was violated, and an operator must look. */
  | { readonly kind: 'contradiction'; readonly message: string };

export function decideOutcome(current: OrderState, outcome: Outcome): OrderDecision {
  if (current === 'placed') return { kind: 'settle', outcome };
  if (current === outcome.state) return { kind: 'settled' };
  return {
    kind: 'contradiction',
    message: `the order is ${current} and cannot become ${outcome.state}`,
  };
}

export function totalCents(lines: readonly OrderLine[]): number {
  return lines.reduce((sum, line) => sum + line.quantity * line.unitCents, 0);
}
