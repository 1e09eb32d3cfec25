import {
  type Envelope,
  type FailureData,
  failureEvent,
  isKey,
  KIT_TYPES,
  receive,
  stepUndoneEvent,
  WIRE,
} from '@convergekit/contracts/engine';
import { ContractError, type ReceivedEvent } from '@convergekit/contracts';
import type {
  CallContext,
  GiveUpDecision,
  GiveUp,
  GiveUpContext,
  Routed,
  Subscription,
} from '@convergekit/inbox/engine';
import { startedVersion } from '../declare/starts.ts';
import { SagaError } from '../errors.ts';
import { attemptOf, begin } from './begin.ts';
import { cancelRuns, closeStep, scheduleDeadline, startInSlice } from './cancel.ts';
import { applyGivenUp, undoGivenUp } from './given-up.ts';
import { type Member, stepName } from './member.ts';
import { type Matched, type MatchedEvent, matchReaction, type Reaction, runOf } from './reaction.ts';
import { storeEvent } from './stored-event.ts';
import { sagaVersionOf } from './saga-ref.ts';
import type { StepTools } from './tools.ts';
import { isDue, undo } from './undo.ts';
import { reasonOf, type StepUndo } from './undo-events.ts';

/**
 * Creates the subscription for all reactions of a consumer's steps to one type in one topic. The payload is parsed by
 * the handler, not by the route: bad data is then a failure of the step, and not of an event without a handler.
 */
export function reactionSubscription<DB>(
  reactions: readonly Reaction<DB>[],
  members: readonly Member<DB>[],
): Subscription<DB> {
  const [first] = reactions;
  if (first === undefined) throw new TypeError('a subscription without a reaction');
  const { topic, type } = first.trigger;
  const begins = reactions.some(({ trigger }) => trigger.trigger === 'begin');
  const undoes = reactions.every(({ trigger }) => trigger.trigger === 'undo');
  const versions = reactions.flatMap(({ member: { step }, trigger: { fact } }) =>
    fact === 'start' ? [] : [sagaVersionOf({ saga: step.saga, version: step.version })],
  );
  return Object.freeze({
    kind: 'each',
    topic,
    type,
    handler: handlerName(reactions),
    // The fence makes the order of all that does not begin a step irrelevant.
    bypassParked: !begins,
    ...(undoes ? { phase: 'undo' as const } : {}),
    sagaRefs: [...new Set(versions)],
    route: (envelope: Envelope) => route(reactions, members, envelope),
    call: ([event]: readonly MatchedEvent<DB>[], context: CallContext<DB>) => call(event, context),
    memberOf: ({ matched }: MatchedEvent<DB>) => {
      const [one] = matched.filter(({ trigger }) => trigger.trigger === 'begin');
      if (one === undefined) return undefined;
      const { saga: name, version, name: step } = one.member.step;
      return { name, version, instance: one.instance, step, op: 'apply' as const };
    },
    onGiveUp: (event: MatchedEvent<DB>, why: GiveUp, context: GiveUpContext<DB>) =>
      givenUp(event, why, context),
  });
}

/** Versions that begin with different events are handlers of their own, named as their calls are. */
function handlerName<DB>(reactions: readonly Reaction<DB>[]): string {
  const [step] = reactions
    .flatMap(({ member: { step: one }, trigger: { trigger: what } }) => (what === 'begin' ? [one] : []))
    .toSorted((a, b) => a.version - b.version);
  const { topic, type } = reactions[0]?.trigger ?? { topic: '', type: '' };
  // A step after a group has a subscription for each member's success.
  if (step !== undefined) return `${stepName(step)}${step.begins.length > 1 ? `:${type}` : ''}`;
  if (type === KIT_TYPES.stepUndone) return `saga:${topic}:undone`;
  return `saga:${type === KIT_TYPES.failure ? topic : type}`;
}

function route<DB>(
  reactions: readonly Reaction<DB>[],
  members: readonly Member<DB>[],
  envelope: Envelope,
): Routed {
  const failure = envelope.type === KIT_TYPES.failure ? parseFailure(envelope) : undefined;
  const undone = envelope.type === KIT_TYPES.stepUndone ? parseUndone(envelope) : undefined;
  const matched = reactions.flatMap((reaction) => matchReaction(reaction, envelope, failure, undone) ?? []);
  if (matched.length > 0 && !isKey(envelope.key)) throw keyInvalid(envelope);
  const run = runOf(envelope, failure);
  // The event is of a version that is not here: `call` makes it wait for a process that knows it.
  if (matched.length > 0 || isAhead(members, run) || startsUnknown(reactions, members, envelope))
    return { kind: 'handle', event: matchedEvent(envelope, matched) };
  const isOurs = reactions.some(
    ({ member: { step } }) => step.saga === run?.saga && step.version === run.version,
  );
  return {
    kind: 'skip',
    why: 'elsewhere',
    sagaRef: run === undefined || isOurs ? undefined : sagaVersionOf(run),
  };
}

/** The error of an event of a foreign producer whose key neither the row of a step nor an event that it emits can have. */
function keyInvalid({ type }: Envelope): ContractError {
  return new ContractError(
    'KEY_INVALID',
    `the key of ${type} must be 1 to 1024 bytes of text without control characters: no step of a saga begins by another one; have its producer send it again with such a key`,
  );
}

/** True for a saga of this consumer, in a version that it does not have yet. */
function isAhead<DB>(members: readonly Member<DB>[], run: ReturnType<typeof runOf>): boolean {
  const known = members.flatMap(({ step }) => (step.saga === run?.saga ? [step.version] : []));
  return run !== undefined && known.length > 0 && known.every((version) => version < run.version);
}

/** True when the event starts a saga of this consumer in a version that is not included, newer or removed too early. */
function startsUnknown<DB>(
  reactions: readonly Reaction<DB>[],
  members: readonly Member<DB>[],
  { headers }: Envelope,
): boolean {
  return reactions.some(({ member: { step: of }, trigger: { fact } }) => {
    const started = fact === 'start' ? startedVersion(headers[WIRE.sagaStart], of.saga) : undefined;
    return (
      started !== undefined && members.every(({ step }) => step.saga !== of.saga || step.version !== started)
    );
  });
}

function parseFailure(envelope: Envelope): FailureData {
  return receive(envelope, failureEvent(consumerOf(envelope))).data;
}

/** Parses the step that an undone event names. */
function parseUndone(envelope: Envelope): string {
  return receive(envelope, stepUndoneEvent(consumerOf(envelope))).data.saga.step;
}

function consumerOf({ topic }: Envelope): string {
  return topic.replace(/\.failures$/, '');
}

function matchedEvent<DB>(envelope: Envelope, matched: readonly Matched<DB>[]): MatchedEvent<DB> {
  return { ...envelope, data: undefined, matched };
}

async function call<DB>(event: MatchedEvent<DB> | undefined, context: CallContext<DB>): Promise<void> {
  if (event === undefined) return;
  const { matched: all } = event;
  if (all.length === 0)
    throw new SagaError(
      'SAGA_VERSION_AHEAD',
      `${event.type} is of a saga (${event.saga ?? event.headers[WIRE.sagaStart] ?? ''}) in a version that this process does not know: it waits for one that does`,
      { category: 'service' },
    );
  for (const matched of all) {
    const { member, trigger } = matched;
    if (matched.refused === true) throw unversioned(member, event);
    // Everything but a begin and a start reads what earlier calls of the slice have written.
    if (trigger.trigger !== 'begin' && trigger.trigger !== 'deadline') await context.gathered.send();
    switch (trigger.trigger) {
      case 'begin':
        await begin(matched, event, context);
        break;
      case 'undo':
        if (await isDue(matched, event.id, context.tx))
          await undo(undoBy(matched, event), toolsOf(event, context));
        break;
      case 'cancel': {
        const versions = all.filter((one) => one.trigger.trigger === 'cancel' && isSame(one, matched));
        if (versions[0] !== matched) break;
        const members = versions.map((one) => one.member);
        await cancelRuns(members, matched.instance, event, toolsOf(event, context));
        break;
      }
      case 'deadline':
        await startInSlice(member, event, context);
        break;
      case 'close':
        await closeStep(undoBy(matched, event), context.tx);
        break;
    }
  }
}

function unversioned<DB>({ step: { saga, version } }: Member<DB>, { type }: ReceivedEvent): SagaError {
  return new SagaError(
    'SAGA_START_UNVERSIONED',
    `${type} starts saga ${saga}, which begins with a group and is known in version ${version}, and does not say which version it starts: emit it as starts(…, ${saga}), or set the header ${WIRE.sagaStart} to ${saga}/${version}`,
    { category: 'data' },
  );
}

function isSame<DB>({ member: a }: Matched<DB>, { member: b }: Matched<DB>): boolean {
  return a.step.saga === b.step.saga;
}

async function givenUp<DB>(
  event: MatchedEvent<DB>,
  why: GiveUp,
  context: GiveUpContext<DB>,
): Promise<GiveUpDecision> {
  const { matched: all } = event;
  let decision: GiveUpDecision = { kind: all.length === 0 ? 'ordinary' : 'resolved' };
  for (const matched of all) {
    switch (matched.trigger.trigger) {
      case 'begin':
        decision = await applyGivenUp(matched, event, why, context);
        break;
      case 'undo':
        if (await isDue(matched, event.id, context.tx)) await undoGivenUp(undoBy(matched, event), context);
        break;
      case 'cancel':
        decision = { kind: 'ordinary' };
        break;
      case 'deadline':
        // The time runs from the start, whatever becomes of the other step that begins with it.
        await scheduleDeadline(matched.member, event, context.tx);
        break;
      case 'close':
        await closeStep(undoBy(matched, event), context.tx);
        break;
    }
  }
  return decision;
}

function toolsOf<DB>(event: ReceivedEvent, { tx, log, emit }: CallContext<DB>): StepTools<DB> {
  return { tx, log, emit: (made, as) => emit(made, event, as) };
}

function undoBy<DB>({ member, instance, trigger, failure }: Matched<DB>, event: ReceivedEvent): StepUndo<DB> {
  const cause = { event: storeEvent(event), reason: reasonOf(trigger, failure), ...attemptOf(event) };
  return { member, instance, cause };
}
