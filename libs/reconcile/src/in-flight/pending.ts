/** The reason why a drift is not repaired yet. */
export type Pending =
  | { readonly kind: 'settling' }
  | {
      readonly kind: 'in_flight';
      readonly topic: string;
      readonly partition: number;
      readonly upTo: string;
      readonly seen: string | null;
    }
  | { readonly kind: 'halted'; readonly topic: string; readonly partition: number }
  | { readonly kind: 'parked' }
  | { readonly kind: 'saga_open' };
