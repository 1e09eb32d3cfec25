import { type Backoff, delayMs } from '@converge/resilience';
import type { Random } from '@converge/runtime';

export type Op = 'charge' | 'refund';

/** What one try knows of its work when it begins. */
export interface Work {
  readonly op: Op;
  /** `unknown`: a call was made before and nobody knows whether it took effect. */
  readonly state: 'ready' | 'unknown';
  /** This try included. */
  readonly attempts: number;
}

export type Answer =
  | { readonly kind: 'done'; readonly reference: string }
  | { readonly kind: 'declined'; readonly reason: string }
  /** We asked: the provider has not heard of our call. */
  | { readonly kind: 'absent' }
  /** The call certainly took no effect: no connection, or a clear refusal for now. */
  | { readonly kind: 'not_applied'; readonly why: string }
  /** No answer, or one that says nothing: it may have taken effect. */
  | { readonly kind: 'unclear'; readonly why: string };

export type Settlement =
  | { readonly kind: 'succeeded'; readonly reference: string }
  | { readonly kind: 'declined'; readonly reason: string }
  | {
      readonly kind: 'again';
      readonly state: 'ready' | 'unknown';
      readonly delayMs: number;
      readonly why: string;
    };

/** After an unknown outcome the first thing is to ask: never a second call on top of an open one. */
export function nextCall(work: Work): 'submit' | 'ask' {
  return work.state === 'unknown' ? 'ask' : 'submit';
}

const backoff: Backoff = { baseMs: 100, factor: 2, capMs: 2_000 };

/** What the answer means for the work. There is no cap on tries: money is never left in the open. */
export function settle(work: Work, answer: Answer, random: Random): Settlement {
  switch (answer.kind) {
    case 'done':
      return { kind: 'succeeded', reference: answer.reference };
    case 'declined':
      return { kind: 'declined', reason: answer.reason };
    case 'absent':
      // A call still on its way cannot double the effect: the next one carries the same idempotency key.
      return { kind: 'again', state: 'ready', delayMs: 0, why: 'the provider has not heard of it' };
    case 'not_applied':
      return again(work, work.state, answer.why, random);
    case 'unclear':
      return again(work, 'unknown', answer.why, random);
  }
}

function again(work: Work, state: Work['state'], why: string, random: Random): Settlement {
  return { kind: 'again', state, delayMs: delayMs(backoff, Math.min(work.attempts, 20), random), why };
}
