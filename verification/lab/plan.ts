import type { Random } from '@convergekit/core';
import type { Fault } from './types.ts';

export interface Scene {
  /** The begin of the fault, as a share of the load's time. */
  readonly at: number;
  /** Its end, as a share of the load's time. @default when the fault ends by itself */
  readonly until?: number;
  readonly fault: Fault;
}

/** Which faults come, and when. `deck`: all of them in a drawn order, again and again. */
export type Plan =
  | { readonly kind: 'deck'; readonly faults: readonly Fault[]; readonly everyMs: readonly [number, number] }
  | { readonly kind: 'script'; readonly scenes: readonly Scene[] };

export interface Planned {
  readonly fault: Fault;
  /** The begin: after the begin of the fault before, or of the load for a scene. */
  readonly after: 'fault' | 'load';
  readonly afterMs: number;
  readonly holdMs: number;
  readonly background: boolean;
  readonly size: number;
  readonly pick: number;
}

/** Plans faults, equal for equal random numbers. */
export function* planned(plan: Plan, random: Random, loadMs: number): Generator<Planned, void> {
  if (plan.kind === 'script') {
    for (const { fault, at, until } of plan.scenes)
      yield {
        fault,
        after: 'load',
        // Without an end of the load, only its begin has a time.
        afterMs: at === 0 ? 0 : at * loadMs,
        size: random(),
        pick: random(),
        holdMs: until === undefined ? held(fault, random()) : (until - at) * loadMs,
        background: until !== undefined || fault.background === true,
      };
    return;
  }
  const [least, most] = plan.everyMs;
  while (plan.faults.length > 0) {
    const deck = plan.faults.map((fault) => ({ fault, at: random() })).toSorted((a, b) => a.at - b.at);
    for (const { fault } of deck) {
      const afterMs = least + random() * (most - least);
      const [size, pick] = [random(), random()];
      const background = fault.background === true;
      yield { fault, after: 'fault', afterMs, size, pick, holdMs: held(fault, size), background };
    }
  }
}

function held({ holdMs: [least, most] = [0, 0] }: Fault, size: number): number {
  return Math.round(least + (most - least) * size);
}

/** A fault that lasts as long as the load. */
export function throughoutLoad(fault: Fault): Planned {
  return { fault, after: 'load', afterMs: 0, holdMs: Infinity, background: true, size: 0, pick: 0 };
}
