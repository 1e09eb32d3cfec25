import type { ReceivedEvent } from '@convergekit/contracts';
import { type Envelope, type FailureData, KIT_TYPES, WIRE } from '@convergekit/contracts/engine';
import type { SagaRef } from '../calls/work/step-key.ts';
import { startedVersion } from '../declare/starts.ts';
import type { Trigger } from '../declare/triggers.ts';
import type { Member } from './member.ts';
import { parseSagaRef } from './saga-ref.ts';

/** Something that a step of this consumer listens to. */
export interface Reaction<DB> {
  readonly member: Member<DB>;
  readonly trigger: Trigger;
  /** The treatment of a start that names no version of its saga. */
  readonly unversioned?: Unversioned;
}

/**
 * take   it begins this version · skip   another version of the saga takes it
 * refuse   services might begin different versions, since the saga begins with a group
 */
export type Unversioned = 'take' | 'skip' | 'refuse';

/** An event that concerns a step: of which run of the saga. */
export interface Matched<DB> extends Reaction<DB> {
  /** Empty for a cancellation that names a key instead. */
  readonly instance: string;
  /** The data of a dead letter. */
  readonly failure: FailureData | undefined;
  /** A start that must name the version of its saga, and does not. */
  readonly refused?: true;
}

/** An event as `route` passes it to the steps of a consumer. Its payload is parsed by each step that it begins. */
export interface MatchedEvent<DB> extends ReceivedEvent<undefined> {
  readonly matched: readonly Matched<DB>[];
}

/** The saga of an event, in its version: of a failure event, that of the step that failed. */
export function runOf(
  { saga }: Pick<Envelope, 'saga'>,
  failure: FailureData | undefined,
): Omit<SagaRef, 'instance'> | undefined {
  const failed = failure?.saga;
  return failed === undefined ? parseSagaRef(saga) : { saga: failed.name, version: failed.version };
}

/** Pure: whether an event concerns a step. `failure`: its data, where it is a failure event. `undone`: the step that it names. */
export function matchReaction<DB>(
  reaction: Reaction<DB>,
  envelope: Pick<Envelope, 'id' | 'saga' | 'headers'>,
  failure: FailureData | undefined,
  undone: string | undefined,
): Matched<DB> | undefined {
  const { member, trigger } = reaction;
  const { saga, version } = member.step;
  switch (trigger.fact) {
    case 'start': {
      const started = startedVersion(envelope.headers[WIRE.sagaStart], saga);
      if (started === undefined ? reaction.unversioned === 'skip' : started !== version) return undefined;
      const refused = started === undefined && reaction.unversioned === 'refuse';
      return { ...reaction, instance: envelope.id, failure, ...(refused ? { refused } : {}) };
    }
    case 'cancel': {
      const ref = parseSagaRef(envelope.saga);
      if (ref === undefined) return { ...reaction, instance: '', failure };
      if (ref.saga !== saga || ref.version !== version) return undefined;
      return { ...reaction, instance: ref.instance, failure };
    }
    case 'success':
    case 'failure':
    case 'undone': {
      const ref = parseSagaRef(envelope.saga);
      if (ref?.saga !== saga || ref.version !== version) return undefined;
      if (trigger.type === KIT_TYPES.stepUndone && trigger.of?.name !== undone) return undefined;
      return { ...reaction, instance: ref.instance, failure };
    }
    case 'dead_letter': {
      const of = failure?.saga;
      if (failure === undefined || of?.name !== saga || of.version !== version) return undefined;
      if (of.step !== trigger.of?.name || of.op !== 'apply' || !undoes(reaction, failure)) return undefined;
      return { ...reaction, instance: of.instance, failure };
    }
  }
}

/**
 * True when the event triggers an undo: only certain outcomes close a step, or trigger an undo. A step that took effect
 * although it failed undoes itself first; then its undone event reaches the previous step. The siblings of the step
 * need not wait for that.
 */
function undoes<DB>(
  { member: { step }, trigger: { trigger, of } }: Reaction<DB>,
  { certainty }: FailureData,
): boolean {
  switch (certainty) {
    case 'unknown':
      return false;
    case 'applied':
      return trigger === 'close' || of?.stage === step.stage;
    case 'not_applied':
      return of?.name !== step.name;
  }
}
