import type { Subscription } from '../define/subscription.ts';
import type { Step } from '../plan/plan.ts';
import type { ReceivedEvent } from '@convergekit/contracts';

export interface SliceBounds {
  readonly sliceMs: number;
  readonly sliceSize: number;
}

/**
 * The default for the most events of one transaction. One statement handles a whole fetch (1 MiB: about 1,400 events of
 * 300 B) quickly, so that a fetch is one commit; single calls do not. Pure.
 */
export function defaultSize(subscriptions: readonly Pick<Subscription<never>, 'kind'>[]): number {
  return subscriptions.every(({ kind }) => kind === 'batch') ? 1_500 : 500;
}

/** Returns the small limit of the first slices, so that slow handlers never get hundreds of events. */
export function firstLimit({ sliceSize }: Pick<SliceBounds, 'sliceSize'>): number {
  return Math.min(16, sliceSize);
}

/** Computes the most events of the next slice, which should take about `sliceMs`. Pure. */
export function nextLimit(limit: number, tookMs: number, bounds: SliceBounds): number {
  if (tookMs > bounds.sliceMs) return Math.max(1, Math.floor((limit * bounds.sliceMs) / tookMs));
  if (tookMs * 4 <= bounds.sliceMs) return Math.min(bounds.sliceSize, limit * 2);
  return limit;
}

/** Splits steps into parts of one event each (pure). Those that only move the position join a neighbour. */
export function splitByWork<DB>(steps: readonly Step<DB>[]): readonly (readonly Step<DB>[])[] {
  const parts: Step<DB>[][] = [];
  let part: Step<DB>[] = [];
  for (const step of steps) {
    part.push(step);
    if (step.kind === 'skip') continue;
    parts.push(part);
    part = [];
  }
  if (part.length === 0) return parts;
  const last = parts.at(-1);
  if (last === undefined) return [part];
  last.push(...part);
  return parts;
}

/** True when more than one event is to be handled, so that isolation makes a difference. Pure. */
export function hasSeveral<DB>(steps: readonly Step<DB>[]): boolean {
  let found = 0;
  for (const { kind } of steps) if (kind !== 'skip' && ++found > 1) return true;
  return false;
}

export interface Handled<DB> {
  readonly event: ReceivedEvent;
  readonly subscription: Subscription<DB>;
}

/** A call of a handler, for one event or a batch. */
export interface Unit<DB> {
  readonly subscription: Subscription<DB>;
  readonly events: readonly ReceivedEvent[];
}

interface Gathering {
  readonly events: ReceivedEvent[];
  /** Built at the first event of another handler, which most slices never have. */
  keys?: Set<string>;
}

/**
 * Groups the events of a slice into calls. A batch gathers all events of its type until an event of another handler has a
 * key of the batch: then the batch runs first, so that calls for one key stay in the order of the log. Pure.
 */
export function unitsOf<DB>(handled: readonly Handled<DB>[]): readonly Unit<DB>[] {
  const units: Unit<DB>[] = [];
  const gathering = new Map<Subscription<DB>, Gathering>();
  const flush = (subscription: Subscription<DB>, { events }: Gathering): void => {
    units.push({ subscription, events });
    gathering.delete(subscription);
  };
  for (const { event, subscription } of handled) {
    for (const [other, batch] of gathering)
      if (other !== subscription && keysOf(batch).has(event.key)) flush(other, batch);
    if (subscription.kind !== 'batch') {
      units.push({ subscription, events: [event] });
      continue;
    }
    const batch: Gathering = gathering.get(subscription) ?? { events: [] };
    gathering.set(subscription, batch);
    batch.events.push(event);
    batch.keys?.add(event.key);
  }
  for (const [subscription, batch] of gathering) flush(subscription, batch);
  return units;
}

function keysOf(batch: Gathering): ReadonlySet<string> {
  return (batch.keys ??= new Set(batch.events.map(({ key }) => key)));
}
