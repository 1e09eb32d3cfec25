import { canBeUndone, lastStop, type SagaDeclaration, type StepDeclaration, stepsOf } from './declaration.ts';
import { SagaError } from '../errors.ts';
import { type Trigger, triggersOf } from './triggers.ts';

/** The part of a consumer that the check needs: a `ConsumerDefinition` has it. */
export interface Listener {
  /** The name of the consumer. */
  readonly name: string;
  /** The events that it hears. */
  readonly subscriptions: readonly {
    /** The topic of the events. */
    readonly topic: string;
    /** The type of the events. */
    readonly type: string;
    /** The type of the failed event, of a handler of failures; undefined for other handlers. */
    readonly failedType?: string;
  }[];
}

/**
 * Checks that each step that may have been applied is undone after every end of a saga. Ends are a failure, a dead
 * letter, a cancellation and a deadline. The declarations are checked when no consumers are given; with them (all of
 * them, as in CI) also their real subscriptions: a consumer that receives all its triggers is reached by all that must
 * undo it, which is shown for sagas of any shape. Throws SAGA_INVALID, one line a problem, each with the step and the
 * fix.
 * @example
 * ```ts
 * import { checkGraph } from '@convergekit/testing';
 * import { payments, placeOrder } from './shop.ts';
 *
 * checkGraph([placeOrder.declaration], [payments]);
 * ```
 */
export function checkGraph(declarations: readonly SagaDeclaration[], consumers?: readonly Listener[]): void {
  const problems = [
    ...clashes(declarations),
    ...declarations.flatMap((declaration) => [
      ...shape(declaration),
      ...(consumers === undefined ? [] : deaf(declaration, consumers)),
    ]),
  ];
  if (problems.length > 0) throw new SagaError('SAGA_INVALID', problems.join('\n'));
}

function clashes(declarations: readonly SagaDeclaration[]): readonly string[] {
  const byVersion = Map.groupBy(new Set(declarations), ({ name, version }) => `${name} version ${version}`);
  const twice = [...byVersion].flatMap(([id, same]) =>
    same.length === 1
      ? []
      : [`saga ${id} is declared ${same.length} times, differently; give each its own version`],
  );
  const byName = Map.groupBy(declarations, ({ name }) => name);
  return [...twice, ...[...byName.values()].flatMap(apart)];
}

/**
 * Finds versions that cannot be open together: a cancellation, which names a key, searches all of them in one place.
 */
function apart(versions: readonly SagaDeclaration[]): readonly string[] {
  const [first, ...later] = versions.toSorted((a, b) => a.version - b.version);
  const stop = first === undefined ? undefined : lastStop(first);
  if (first === undefined || stop === undefined) return [];
  return later.flatMap((one) => {
    const other = lastStop(one);
    if ((first.cancel ?? one.cancel) === undefined || other === undefined) return [];
    if (other.name === stop.name && other.by === stop.by) return [];
    return [
      `saga ${one.name}: a cancellation stops version ${first.version} at ${stop.name} of ${stop.by}, and version ${one.version} at ${other.name} of ${other.by}, so it would miss one of them while both are open; keep the step's name and its consumer, or declare a saga of another name`,
    ];
  });
}

/** Finds faults that only the whole chain shows. */
function shape(declaration: SagaDeclaration): readonly string[] {
  const { name, stages, cancel, deadlineMs } = declaration;
  if (stages.length === 0) return [`saga ${name}: it has no step; add one`];
  const stoppable = cancel !== undefined || deadlineMs !== undefined;
  const word = cancel === undefined ? 'its deadline' : 'its cancellation';
  const last = lastStop(declaration);
  const problems: string[] = [];
  if (stoppable && last === undefined)
    problems.push(`saga ${name}: ${word} can stop nothing: every step is retriable; leave it out`);
  if (stoppable && last?.group !== undefined)
    problems.push(
      `saga ${name}, step ${last.name}: ${word} would have to stop all of ${last.group} at once; add a pivot behind the group`,
    );
  for (const step of stepsOf(declaration))
    if (canBeUndone(step) && !undoable(declaration, step))
      problems.push(
        `saga ${name}, step ${step.name}: its undo is unreachable: nothing that runs beside it or after it can fail; make it the pivot, which needs no undone`,
      );
  return problems;
}

/** True when a later step can make this step be undone, or a failed call may have had its effect. */
function undoable(declaration: SagaDeclaration, step: StepDeclaration): boolean {
  return (
    step.call || triggersOf(declaration, step).some(({ trigger, of }) => trigger === 'undo' && of !== step)
  );
}

/** Finds events that a step needs and its consumer does not receive. */
function deaf(declaration: SagaDeclaration, consumers: readonly Listener[]): readonly string[] {
  const byName = new Map(consumers.map((one) => [one.name, one]));
  const absent = stepsOf(declaration).filter(({ by }) => !byName.has(by));
  if (absent.length > 0)
    return absent.map(
      (step) =>
        `${where(step)}: there is no consumer ${step.by} that would run it; define it, or name another one in by`,
    );
  return stepsOf(declaration).flatMap((step) =>
    triggersOf(declaration, step)
      .filter((trigger) => !listens(byName.get(step.by), trigger))
      .map((trigger) => unheard(step, trigger)),
  );
}

function listens(listener: Listener | undefined, { topic, type, failedTypes }: Trigger): boolean {
  const heard = listener?.subscriptions.filter((one) => one.topic === topic && one.type === type) ?? [];
  const wanted = failedTypes ?? [undefined];
  return wanted.every((failed) =>
    heard.some(({ failedType }) => failedType === undefined || failedType === failed),
  );
}

function where({ saga, name }: StepDeclaration): string {
  return `saga ${saga}, step ${name}`;
}

function unheard(step: StepDeclaration, trigger: Trigger): string {
  const { topic, type, failedTypes } = trigger;
  const what = failedTypes === undefined ? type : `${type} of ${failedTypes.join(', ')}`;
  return `${where(step)}: its consumer ${step.by} does not listen to ${what} on ${topic}, ${without(trigger)}; include the step in that consumer`;
}

/** Describes the consequence of a missing trigger. */
function without({ trigger, fact, of }: Trigger): string {
  switch (trigger) {
    case 'begin':
      return 'so it would never begin';
    case 'cancel':
      return 'so the saga could not be cancelled';
    case 'deadline':
      return 'so the saga would have no deadline';
    case 'close':
      return `so the saga could be cancelled after ${of?.name ?? ''} ended it`;
    case 'undo': {
      const reasons = { failure: 'is refused', undone: 'is undone', dead_letter: 'is given up' };
      const happened = fact in reasons ? reasons[fact as keyof typeof reasons] : fact;
      return `so it would not be undone when ${of?.name ?? ''} ${happened}`;
    }
  }
}
