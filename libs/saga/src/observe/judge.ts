import { canBeUndone, type SagaDeclaration, type StepDeclaration, stepsOf } from '../declare/declaration.ts';
import type { Facts, StepFacts, Evidence } from './facts.ts';

/**
 * running   forward · compensating   a step failed, and what was done is being undone
 * completed, compensated   the two good ends
 * stuck   it waits for an operator, and says why · expired   it should have ended by now
 */
export const INSTANCE_STATES = Object.freeze([
  'running',
  'completed',
  'compensating',
  'compensated',
  'stuck',
  'expired',
] as const);
export type InstanceState = (typeof INSTANCE_STATES)[number];

export interface Judged {
  readonly state: InstanceState;
  readonly reason?: string;
  /** The event that ended the instance. */
  readonly end?: Evidence;
}

/** Judges the state of an instance by its facts (pure). `late`: the time of the instance is over. */
export function judge(declaration: SagaDeclaration, facts: Facts, late: boolean): Judged {
  const of = (step: StepDeclaration): StepFacts => facts.steps[step.name] ?? {};
  const steps = stepsOf(declaration);
  const completed = declaration.stages.at(-1)?.steps.map((step) => of(step).success);
  const done = lastOf(completed);
  const undone = steps.find((step) => of(step).undone !== undefined);
  if (done !== undefined && undone !== undefined)
    return { state: 'stuck', reason: `contradiction: it completed, and ${undone.name} was undone` };
  if (done !== undefined) return { state: 'completed', end: done };
  const reason = reasonOf(steps, of);
  const back = lastOf(declaration.stages[0]?.steps.map((step) => withoutEffect(of(step))));
  if (back !== undefined) return { state: 'compensated', end: back, ...reason };
  const waiting = steps.find((step) => waits(step, of(step)));
  if (waiting !== undefined) return { state: 'stuck', reason: whyStuck(waiting.name, of(waiting).stuck) };
  const backwards = steps.some((step) => failed(step, of(step)) || of(step).undone !== undefined);
  if (late) return { state: 'expired', ...reason };
  return { state: backwards ? 'compensating' : 'running', ...reason };
}

/** Pure: the last of these, when all of them are known. */
function lastOf(all: readonly (Evidence | undefined)[] | undefined): Evidence | undefined {
  if (all === undefined || all.length === 0 || all.includes(undefined)) return undefined;
  return all.reduce((a, b) => (b !== undefined && (a === undefined || b.at > a.at) ? b : a));
}

/** Returns the evidence that a step has no effect, or none any more. */
function withoutEffect({ failure, undone }: StepFacts): Evidence | undefined {
  return undone ?? (failure?.certainty === 'not_applied' ? failure : undefined);
}

/** True when a step certainly failed. A pivot that took effect has not failed: its success is decisive. */
function failed(step: StepDeclaration, { failure, success }: StepFacts): boolean {
  if (failure === undefined || success !== undefined || step.kind === 'retriable') return false;
  return failure.certainty === 'not_applied' || (failure.certainty === 'applied' && canBeUndone(step));
}

/** True when a step waits for an operator, and its awaited event has not come. */
function waits(step: StepDeclaration, facts: StepFacts): boolean {
  const { stuck, success, undone } = facts;
  if (stuck?.is !== 'stuck' || undone !== undefined) return false;
  return stuck.op === 'compensate' || (success === undefined && !failed(step, facts));
}

function whyStuck(step: string, stuck: StepFacts['stuck']): string {
  const what = stuck?.op === 'compensate' ? `the undo of ${step}` : step;
  return `${what} waits for an operator: ${stuck?.code ?? ''} (${stuck?.reason ?? ''})`;
}

/** Returns why a saga is not simply running (pure): its earliest failure, or one of unknown certainty. */
function reasonOf(
  steps: readonly StepDeclaration[],
  of: (step: StepDeclaration) => StepFacts,
): { readonly reason?: string } {
  const failures = steps.flatMap((step) => {
    const { failure, success } = of(step);
    return failure === undefined || success !== undefined ? [] : [{ step, failure }];
  });
  const [first] = failures.toSorted((a, b) => (a.failure.at < b.failure.at ? -1 : 1));
  const undone = steps.findLast((step) => of(step).undone !== undefined);
  if (first === undefined) return undone === undefined ? {} : { reason: `${undone.name} was undone` };
  const { name } = first.step;
  const { certainty, code, reason } = first.failure;
  const what = certainty === 'unknown' ? 'failed, and it is not known yet whether it took effect' : 'failed';
  return { reason: `${name} ${what}: ${code}${reason === '' ? '' : ` (${reason})`}` };
}
