import type { GiveUp } from '../define/subscription.ts';
import type { Step } from '../plan/plan.ts';

/** The placement of one step of a slice. */
export type Placed<DB> = { readonly step: Step<DB> } & (
  | { readonly kind: 'pass' }
  | { readonly kind: 'handle' }
  /** The event is queued behind its key, which is parked. */
  | { readonly kind: 'parkBehind'; readonly line: string }
  /** The event is parked as the first of its key: retried later (`waiting`), or a dead letter that holds its key. */
  | {
      readonly kind: 'parkFirst';
      readonly line: string;
      readonly state: 'waiting' | 'dead';
      readonly why: GiveUp;
    }
  /** The event is recorded, with a failure event; its key is released. */
  | { readonly kind: 'release'; readonly state: 'dead' | 'rejected'; readonly why: GiveUp }
);

export interface PlacementRules<DB> {
  /** The keys that are parked. */
  readonly held: ReadonlySet<string>;
  readonly giveUpOf: (step: Step<DB>) => GiveUp | undefined;
  /** The treatment of the key at a dead letter. */
  readonly onDead: 'hold' | 'skip';
  /** The name of the line in which a step's event waits: its key. */
  readonly lineOf: (step: Step<DB>) => string;
}

/** Decides for each step, in order, whether it is handled now (pure): behind a parked key it is queued. */
export function placeAll<DB>(steps: readonly Step<DB>[], by: PlacementRules<DB>): readonly Placed<DB>[] {
  const added = new Set<string>();
  return steps.map((step): Placed<DB> => {
    if (step.kind === 'skip') return { step, kind: 'pass' };
    const free = step.kind === 'refuse' && step.releases === true;
    if ((by.held.size > 0 || added.size > 0) && !free && !bypasses(step)) {
      const line = by.lineOf(step);
      if (by.held.has(line) || added.has(line)) return { step, kind: 'parkBehind', line };
    }
    const why = by.giveUpOf(step);
    if (why === undefined) return { step, kind: 'handle' };
    if (why.decision?.kind === 'resolved') return { step, kind: 'pass' };
    if (why.as === 'reject') return { step, kind: 'release', state: 'rejected', why };
    if (why.as === 'dead' && (free || by.onDead === 'skip' || why.decision?.kind === 'closed'))
      return { step, kind: 'release', state: 'dead', why };
    const line = by.lineOf(step);
    // Compensations bypass parking; one that fails while its key is parked is queued behind it.
    if (by.held.has(line) || added.has(line)) return { step, kind: 'parkBehind', line };
    added.add(line);
    return { step, kind: 'parkFirst', line, state: why.as === 'dead' ? 'dead' : 'waiting', why };
  });
}

/** True for compensations, deadlines and cancellations: their own fence makes their order irrelevant. */
function bypasses<DB>(step: Step<DB>): boolean {
  return step.kind === 'handle' && step.subscription.bypassParked === true;
}
