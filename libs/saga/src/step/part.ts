import type { EventDefinition } from '@convergekit/contracts';
import type { ConsumerDefinition } from '@convergekit/inbox';
import type { ConsumerPart, Subscription } from '@convergekit/inbox/engine';
import type { Executor } from '@convergekit/postgres';
import { stepsOf } from '../declare/declaration.ts';
import { triggersOf } from '../declare/triggers.ts';
import { SagaError } from '../errors.ts';
import { checkWorkers } from '../calls/work/worker-sql.ts';
import { checkVersions } from './check-versions.ts';
import { callName, workOpsOf, type Member } from './member.ts';
import { FenceOrder } from './fence-order.ts';
import type { Reaction, Unversioned } from './reaction.ts';
import { reactionSubscription } from './subscription.ts';

/** A step of a saga as a part of its consumer. */
interface StepPart<DB, Handled extends string = string> extends ConsumerPart<DB, Handled> {
  readonly member: Member<DB>;
}

export function stepPart<DB, Handled extends string>(
  of: Omit<Member<DB>, 'order'>,
): ConsumerPart<DB, Handled> {
  const member = { ...of, order: new FenceOrder() };
  const part: StepPart<DB, Handled> = {
    member,
    // `Handled` has the types of the events by which the step begins.
    handles: of.step.begins.map(({ type }) => type) as Handled[],
    subscribe: (parts, consumer) => subscribe(membersOf(parts), consumer),
    check: (parts, consumer, executor) => check(membersOf(parts), consumer, executor),
  };
  return Object.freeze(part);
}

/** The steps among the parts of a consumer. */
export function membersOf<DB>(parts: readonly ConsumerPart<DB>[]): readonly Member<DB>[] {
  // The cast is safe: only `stepPart` makes parts.
  return parts.map((part) => (part as StepPart<DB>).member);
}

/** A step that a consumer includes, and the events that it emits besides the kit's own. */
export interface IncludedStep {
  readonly saga: string;
  readonly version: number;
  readonly name: string;
  readonly emits: readonly EventDefinition[];
}

/** Lists the saga steps that a consumer includes (pure). */
export function includedSteps<DB>({ parts }: Pick<ConsumerDefinition<DB>, 'parts'>): readonly IncludedStep[] {
  return membersOf(parts).map(({ step: { saga, version, name, success, failure, undone } }) => ({
    saga,
    version,
    name,
    emits: [success, failure, undone].filter((event) => event !== undefined),
  }));
}

/** Creates a subscription for each type on each topic, for all steps that it may concern. */
function subscribe<DB>(members: readonly Member<DB>[], consumer: string): readonly Subscription<DB>[] {
  for (const [at, { step }] of members.entries()) {
    if (step.by !== consumer)
      throw invalid(
        `${named(step)} is declared with by: '${step.by}' and included in consumer ${consumer}: include it in consumer ${step.by}, or write by: '${consumer}' in the saga`,
      );
    if (members.slice(0, at).some((other) => named(other.step) === named(step)))
      throw invalid(`${named(step)} is included twice in consumer ${consumer}: keep one`);
  }
  const reactions = members.flatMap((member): Reaction<DB>[] =>
    triggersOf(member.declaration, member.step).map((trigger) =>
      trigger.fact === 'start'
        ? { member, trigger, unversioned: unversionedAt(member, members) }
        : { member, trigger },
    ),
  );
  const places = Map.groupBy(reactions, ({ trigger: { topic, type } }) => `${topic} ${type}`);
  return [...places.values()].map((together) => {
    refuseTwoBegins(together, consumer);
    return reactionSubscription(together, members);
  });
}

/**
 * A start that names no version begins the newest one that is included. That is one service's choice where the saga begins
 * with one step. Several services would choose for a group, so there it must be version 1, with no later one included.
 */
function unversionedAt<DB>({ declaration, step }: Member<DB>, members: readonly Member<DB>[]): Unversioned {
  const versions = members.flatMap((one) => (one.step.saga === step.saga ? [one.step.version] : []));
  const newest = Math.max(...versions);
  if ((declaration.stages[0]?.steps.length ?? 0) < 2 || newest === 1)
    return step.version === newest ? 'take' : 'skip';
  // The oldest version refuses the start: a service that took it as version 1 has that version, too, and undoes it
  // there.
  return step.version === Math.min(...versions) ? 'refuse' : 'skip';
}

/** Rejects two steps that begin by one event: it could not be determined which of them failed. */
function refuseTwoBegins<DB>(together: readonly Reaction<DB>[], consumer: string): void {
  const begins = together.filter(({ trigger }) => trigger.trigger === 'begin');
  for (const [at, begin] of begins.entries()) {
    const other = begins.slice(0, at).find((one) => beginTogether(one, begin));
    if (other !== undefined)
      throw invalid(
        `${named(begin.member.step)} and ${named(other.member.step)} both begin with ${begin.trigger.type} in consumer ${consumer}: give each a consumer of its own (one process may run several)`,
      );
  }
}

/** Begins the sagas of one start, each in one version; later events belong to one run. */
function beginTogether<DB>(
  { member: { step: a }, trigger }: Reaction<DB>,
  { member: { step: b } }: Reaction<DB>,
): boolean {
  if (a.saga !== b.saga) return trigger.fact === 'start';
  return a.version === b.version;
}

/** Checks before the consumer's start that every step and every version in use has its handlers. */
async function check<DB>(
  members: readonly Member<DB>[],
  consumer: string,
  executor: Executor,
): Promise<void> {
  const here = new Set(members.map(({ step }) => named(step)));
  const missing = members
    .flatMap(({ declaration }) => stepsOf(declaration))
    .find((step) => step.by === consumer && !here.has(named(step)));
  if (missing !== undefined)
    throw invalid(
      `${named(missing)} is declared by ${consumer}, which has no handlers for it: include step(…) of it there`,
    );
  await checkVersions(executor, consumer, members);
  const work = members.flatMap((member) => workOpsOf(member).map((op) => callName(member.step, op)));
  await checkWorkers(executor, consumer, work);
}

function named({ saga, version, name }: Member<never>['step']): string {
  return `saga ${saga} v${version}, step ${name}`;
}

function invalid(what: string): SagaError {
  return new SagaError('STEP_INVALID', what);
}
