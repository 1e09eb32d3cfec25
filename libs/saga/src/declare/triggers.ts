import { type EventDefinition, failureTopic } from '@convergekit/contracts';
import { KIT_TYPES, stepUndoneEvent } from '@convergekit/contracts/engine';
import { canBeUndone, lastStop, type SagaDeclaration, type StepDeclaration } from './declaration.ts';

/**
 * An event to which a step reacts.
 * begin    the start, or the success of a step of the previous stage
 * undo     a step of the next stage failed without effect or was undone · a sibling failed, with or without effect, or
 *          was undone (its time was over) · the step's own dead letter reports that the step took effect
 * cancel   the saga's cancel event · deadline: the saga's start, which begins the time and gives a cancellation its key ·
 *          close: a step of an earlier stage failed or was undone, so the saga is on its way back (all three at `lastStop`)
 */
export interface Trigger {
  readonly trigger: 'begin' | 'undo' | 'cancel' | 'deadline' | 'close';
  /** The kind of fact about the step `of`. `undone` means the declared event, or the kit's own. */
  readonly fact: 'start' | 'success' | 'failure' | 'undone' | 'dead_letter' | 'cancel';
  /** The step that emits the event. */
  readonly of?: StepDeclaration;
  readonly topic: string;
  readonly type: string;
  /** The event. Dead letters have none: they are the failure events of the consumer that runs `of`. */
  readonly event?: EventDefinition;
  /** The types of the given-up events, for dead letters. */
  readonly failedTypes?: readonly string[];
}

/** Lists all triggers of a step: subscriptions and the demands of `checkGraph` derive from them. Pure. */
export function triggersOf(declaration: SagaDeclaration, step: StepDeclaration): readonly Trigger[] {
  const stops = lastStop(declaration) === step;
  const { start, cancel, deadlineMs } = declaration;
  return [
    ...begins(declaration, step),
    ...(canBeUndone(step) ? undoes(declaration, step) : []),
    ...(stops && cancel !== undefined ? [heard('cancel', 'cancel', cancel)] : []),
    ...(stops && (deadlineMs !== undefined || cancel !== undefined)
      ? [heard('deadline', 'start', start), ...closes(declaration, step)]
      : []),
  ];
}

function begins({ start, stages }: SagaDeclaration, { stage }: StepDeclaration): readonly Trigger[] {
  const before = stages[stage - 1]?.steps;
  if (before === undefined) return [heard('begin', 'start', start)];
  return before.map((of) => heard('begin', 'success', of.success, of));
}

function undoes({ stages }: SagaDeclaration, step: StepDeclaration): readonly Trigger[] {
  const siblings = stages[step.stage]?.steps.filter((one) => one !== step) ?? [];
  const next = stages[step.stage + 1]?.steps.filter(({ kind }) => kind !== 'retriable') ?? [];
  return [deadLetter('undo', step), ...[...siblings, ...next].flatMap((of) => endsOf('undo', of))];
}

/** Lists triggers that close the step: it must not decide a cancellation or deadline of an ended saga. */
function closes({ stages }: SagaDeclaration, { stage }: StepDeclaration): readonly Trigger[] {
  return stages.slice(0, stage).flatMap(({ steps }) => steps.flatMap((of) => endsOf('close', of)));
}

/** Lists the triggers by which a step reports that it has no effect, or none any more. */
function endsOf(trigger: 'undo' | 'close', of: StepDeclaration): readonly Trigger[] {
  return [
    ...(of.failure === undefined ? [] : [heard(trigger, 'failure', of.failure, of)]),
    deadLetter(trigger, of),
    ...(of.undone === undefined ? [] : [heard(trigger, 'undone', of.undone, of)]),
    ...(canBeUndone(of) ? [heard(trigger, 'undone', stepUndoneEvent(of.by), of)] : []),
  ];
}

function heard(
  trigger: Trigger['trigger'],
  fact: Trigger['fact'],
  event: EventDefinition,
  of?: StepDeclaration,
): Trigger {
  const { topic, type } = event;
  return { trigger, fact, topic, type, event, ...(of === undefined ? {} : { of }) };
}

function deadLetter(trigger: 'undo' | 'close', of: StepDeclaration): Trigger {
  const failedTypes = of.begins.map(({ type }) => type);
  return {
    trigger,
    fact: 'dead_letter',
    of,
    topic: failureTopic(of.by),
    type: KIT_TYPES.failure,
    failedTypes,
  };
}
