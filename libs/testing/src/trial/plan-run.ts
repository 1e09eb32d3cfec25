import type { SagaDeclaration, StepDeclaration } from '@convergekit/saga/declare';
import type { Attempted, Fault, RunOf, RunPlan } from './types.ts';

type Faults = { readonly first: Fault[]; readonly then: Fault | undefined };

/** Creates the plan of a run (pure): equal numbers give equal plans. */
export function planRun(declaration: SagaDeclaration, canCancel: boolean, { random }: RunOf): RunPlan {
  const chance = (share: number): boolean => random() < share;
  const one = <T>(items: readonly T[]): T | undefined => items[Math.floor(random() * items.length)];
  const faults = new Map<string, Faults>();
  for (const step of declaration.stages.flatMap(({ steps }) => steps)) {
    const passes = chance(0.3) ? one(passing(step)) : undefined;
    const then = step.kind !== 'retriable' && chance(0.15) ? one(final(step)) : undefined;
    // A call that is refused in the end must not have taken effect before.
    const possible = then === 'refused' && passes === 'reply_lost' ? undefined : passes;
    faults.set(nameOf({ op: 'apply', step: step.name }), { first: listOf(possible), then });
    const undo = chance(0.2) ? one(passing(step)) : undefined;
    faults.set(nameOf({ op: 'compensate', step: step.name }), { first: listOf(undo), then: undefined });
  }
  const timers = { deadline: chance(0.15), expire: chance(0.15) };
  const cancels = canCancel && chance(0.25);
  const cancel = cancels ? (chance(0.5) ? 'instance' : 'key') : undefined;
  return {
    cancel,
    fires: (timer) => timers[timer],
    nextFault: (of) => {
      const planned = faults.get(nameOf(of));
      return planned?.first.shift() ?? planned?.then;
    },
    notes: [...faults].flatMap(([name, { first, then }]) =>
      first.length === 0 && then === undefined
        ? []
        : [`${name}: ${[...first, then ?? 'well'].join(', then ')}`],
    ),
  };
}

function listOf(fault: Fault | undefined): Fault[] {
  return fault === undefined ? [] : [fault];
}

function nameOf({ op, step }: Attempted): string {
  return op === 'apply' ? step : `undo of ${step}`;
}

/** Faults after which the step is tried again. */
function passing({ call }: StepDeclaration): readonly Fault[] {
  return call ? ['unavailable', 'request_lost', 'reply_lost'] : ['busy', 'busy_after'];
}

/** Faults that end the step without effect. */
function final({ call }: StepDeclaration): readonly Fault[] {
  return call ? ['refused'] : ['refused', 'broken'];
}
