import type { Failure } from '@convergekit/core';
import type { Attempt } from '../story/attempt.ts';

/** Why an event that reached its handler does not take effect now. */
export interface GiveUp {
  readonly as: 'park' | 'dead' | 'reject';
  readonly failure: Failure;
  readonly attempts: readonly Attempt[];
  /** What its subscription says of that. @default ordinary */
  readonly decision?: GiveUpDecision;
}

/**
 * How the subscription of an event that is given up deals with it. `resolved`: it has done what is to be done, so nothing is
 * parked or told · `closed`: its dead letter lets the key go on, and must not be tried again, since others act on its failure
 */
export type GiveUpDecision =
  | { readonly kind: 'ordinary' }
  | { readonly kind: 'resolved' }
  | { readonly kind: 'closed'; readonly because: string };
