import type { Placed } from './placement.ts';
import type { Subscription } from '../define/subscription.ts';
import type { Step } from '../plan/plan.ts';

/** Counts by handler; undefined: records without a handler. */
export type ByHandler = ReadonlyMap<string | undefined, number>;

/** The weight that a slice adds to the parked events. */
export interface Weight {
  /** The given-up keys, each a possible sign of a systemic fault; unreadable records are no sign. */
  readonly given: ByHandler;
  readonly handled: ReadonlyMap<string, number>;
  /** Events that will be queued in a line, and their bytes with key and headers. */
  readonly rows: number;
  readonly bytes: number;
}

/** An event that took effect, and the handler that applied it. */
export type HandledEvent = Pick<Extract<Step<never>, { kind: 'handle' }>, 'event'> & {
  readonly subscription: Pick<Subscription<never>, 'handler' | 'kind'>;
};

/** What a slice does with its events. */
export interface Sums {
  readonly handled: readonly HandledEvent[];
  readonly duplicates: number;
  readonly skipped: number;
  /** Events that are parked. */
  readonly parked: number;
  readonly rejected: number;
  readonly deadLetters: number;
  readonly weight: Weight;
}

/** Sums up what a slice gives up, handles and parks, with the deferred events before it. Pure. */
export function sumUp<DB>(
  placed: readonly Placed<DB>[],
  { duplicates, skipped }: Pick<Sums, 'duplicates' | 'skipped'> = { duplicates: 0, skipped: 0 },
): Sums {
  const counts = { duplicates, skipped, parked: 0, rejected: 0, deadLetters: 0 };
  const events: HandledEvent[] = [];
  const given = new Map<string | undefined, number>();
  const handled = new Map<string, number>();
  let [rows, bytes] = [0, 0];
  for (const one of placed)
    switch (one.kind) {
      case 'pass':
        counts[one.step.kind === 'skip' && one.step.why === 'duplicate' ? 'duplicates' : 'skipped'] += 1;
        break;
      case 'handle':
        if (one.step.kind !== 'handle') break;
        events.push(one.step);
        count(handled, one.step.subscription.handler);
        break;
      case 'release':
        counts[one.state === 'dead' ? 'deadLetters' : 'rejected'] += 1;
        if (one.state === 'dead' && isSign(one)) count(given, handlerOf(one.step));
        break;
      case 'parkFirst':
        counts[one.state === 'dead' ? 'deadLetters' : 'parked'] += 1;
        if (isSign(one)) count(given, handlerOf(one.step));
        rows += 1;
        bytes += sizeOf(one);
        break;
      case 'parkBehind':
        counts.parked += 1;
        rows += 1;
        bytes += sizeOf(one);
    }
  return { handled: events, ...counts, weight: { given, handled, rows, bytes } };
}

/** The sum of counts by handler. */
export function totalOf(counts: ByHandler): number {
  let total = 0;
  for (const of of counts.values()) total += of;
  return total;
}

function count<Name>(counts: Map<Name, number>, name: Name): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

function handlerOf<DB>(step: Step<DB>): string | undefined {
  return step.kind === 'handle' ? step.subscription.handler : undefined;
}

/**
 * True when giving up this key may be a sign of a systemic fault. Records of untrusted origin never are: a writer of the
 * topic could produce any number of them, and the partition would wait for hours.
 */
function isSign<DB>({ step, why }: Extract<Placed<DB>, { kind: 'parkFirst' | 'release' }>): boolean {
  if (step.kind !== 'refuse' || why.as === 'park') return true;
  return step.envelope !== undefined && !step.foreign;
}

/** Returns the size of a step's record in bytes: key, payload and headers. */
export function sizeOf<DB>({ step }: Pick<Placed<DB>, 'step'>): number {
  const { key, value, headers } = step.record;
  let bytes = (key?.length ?? 0) + (value?.length ?? 0);
  for (const [name, text] of headers) bytes += name.length + (text?.length ?? 0);
  return bytes;
}
