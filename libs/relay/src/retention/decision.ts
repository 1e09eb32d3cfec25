import type { OutboxChild } from '@convergekit/outbox/engine';

/** The facts of one statement. All of them only grow, so a decision stays right however late it is acted upon. */
export interface Horizon {
  /** The last tick up to which every window is in the log for every topic, including held ones. */
  readonly sent: bigint;
  /**
   * The highest finished id: no writer of it or a lower id can be open, as of a tick at or before `sent` and older than
   * the retention time. 0 when there is none.
   */
  readonly finishedUpTo: bigint;
  /** The tick from which a leader, or a topic that catches up, computes its lowest id to read. */
  readonly lowestNeeds: bigint | undefined;
}

/**
 * Decides which children may be removed, from the oldest on. A child is closed at the first tick m with floor(m) >= its upper bound,
 * and finished when xmin(S(t)) >= own(m) for a later tick t; `finishedUpTo` is the highest floor(m) for which that
 * holds. A child that is merely closed may have an open writer: what it then commits would be lost.
 */
export function childrenToDetach(children: readonly OutboxChild[], horizon: Horizon): readonly string[] {
  const names: string[] = [];
  for (const { name, to } of children) {
    if (to === undefined || to > horizon.finishedUpTo) break;
    names.push(name);
  }
  return names;
}

/** The lowest id that a retained row can have. */
export function lowestRetained(children: readonly OutboxChild[]): bigint {
  return children[0]?.from ?? 1n;
}

/**
 * The first tick that must stay, beside those that cursors name.
 * `orders`: the last tick whose window cannot hold a retained row, and which the first window that can begins from.
 */
export function keepTicksFrom(horizon: Horizon, orders: bigint | undefined): bigint {
  let keep = horizon.sent;
  for (const tick of [horizon.lowestNeeds ?? 0n, orders ?? 0n]) if (tick < keep) keep = tick;
  return keep;
}
