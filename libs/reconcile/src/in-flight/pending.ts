/** The reason why a drift is not repaired yet. */
export type Pending =
  | { readonly kind: 'settling' }
  | {
      readonly kind: 'in_flight';
      readonly topic: string;
      readonly partition: number | null;
      readonly upTo: string;
      readonly seen: string | null;
    }
  | {
      readonly kind: 'halted';
      readonly topic: string;
      readonly partition: number | null;
      readonly why: string;
    }
  | { readonly kind: 'parked' }
  | { readonly kind: 'saga_open'; readonly step: string };

/** Describes why a key waits, for operators. Pure. */
export function pendingText(pending: Pending): string {
  switch (pending.kind) {
    case 'settling':
      return 'settling: the drift must stay unchanged for the settle window';
    case 'in_flight':
      return `in flight: ${placeOf(pending)} must be handled up to ${pending.upTo}, and is at ${pending.seen ?? 'no position'}`;
    case 'halted':
      return `halted: ${placeOf(pending)}: ${pending.why}`;
    case 'parked':
      return 'parked: events of this key are parked (converge parked groups)';
    case 'saga_open':
      return `open: ${pending.step} of this key has begun and has no outcome yet`;
  }
}

function placeOf({
  topic,
  partition,
}: {
  readonly topic: string;
  readonly partition: number | null;
}): string {
  return partition === null ? topic : `${topic}/${partition}`;
}
