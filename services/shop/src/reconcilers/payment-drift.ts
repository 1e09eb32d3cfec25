import type { ChargeFact } from '../payments/provider-ledger.ts';

/** A payment as we recorded it. */
export interface PaymentFact {
  readonly orderId: string;
  readonly state: 'taken' | 'declined' | 'refunded';
  readonly amountCents: number;
  readonly refundedCents: number;
  readonly version: number;
}

export interface PaymentDrift {
  readonly charge: ChargeFact | null;
  readonly payment: PaymentFact | null;
}

/** Compares the provider's charge with our payment. The provider moved the money, so its books are right. */
export function compareCharge(charge: ChargeFact | null, payment: PaymentFact | null): PaymentDrift | null {
  const drift = { charge, payment };
  if (charge === null) return payment === null || payment.state === 'declined' ? null : drift; // we decline some ourselves
  // The call comes before its record.
  if (payment === null) return charge.state === 'declined' || charge.recent ? null : drift;
  const agrees =
    payment.amountCents === charge.amountCents &&
    payment.refundedCents === charge.refundedCents &&
    payment.state === stateOf(charge);
  return agrees ? null : drift;
}

/** The state of a payment by the provider's books. */
export function stateOf({ state, refundedCents }: ChargeFact): PaymentFact['state'] {
  if (state === 'declined') return 'declined';
  return refundedCents > 0 ? 'refunded' : 'taken';
}

/** Returns a reason where money has moved otherwise than we recorded: a program may correct books, and moves no money. */
export function unresolvablePayment({ charge, payment }: PaymentDrift): string | null {
  if (charge === null) return 'we recorded a payment that the provider does not know';
  if (payment === null) return 'the provider took a payment that we have no record of';
  if (charge.amountCents !== payment.amountCents)
    return `the provider has ${charge.amountCents} cents, we have ${payment.amountCents}`;
  if ((charge.state === 'declined') !== (payment.state === 'declined'))
    return `the provider says ${charge.state}, we recorded ${payment.state}`;
  if (payment.state === 'refunded' && charge.refundedCents === 0)
    return 'we recorded a refund that the provider has not made: the customer still misses the money';
  return null;
}
