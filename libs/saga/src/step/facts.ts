import type { DomainEvent } from '@convergekit/contracts';
import { messageOf } from '@convergekit/core/engine';
import { SagaError } from '../errors.ts';
import type { StepInput } from './calls/request-work.ts';
import { factOf, type Member } from './member.ts';
import { reviveEvent, type StoredFact } from './stored-event.ts';
import type { BegunStep } from './types.ts';

/** The events that began the step. */
export function begunOf<DB>({ step }: Member<DB>, { events = [], instance }: StepInput): BegunStep<never> {
  const begins = events.map((one) => reviveEvent(one, step.begins));
  // Erased types: parsed by the step's own definitions.
  return { event: begins[0], begins, instance } as unknown as BegunStep<never>;
}

/** Returns the stored form of a fact that an apply made. */
export function factMade<DB>(member: Member<DB>, make: () => DomainEvent | undefined): StoredFact {
  return storedFact(wrapped(() => factOf(member, make()).made));
}

/** Wraps an error of making the fact: the call has taken effect all the same. */
export function wrapped(make: () => DomainEvent): DomainEvent {
  try {
    return make();
  } catch (cause) {
    // An event of a newer contract is left to a process that knows it.
    if (cause instanceof SagaError && cause.code === 'INTENT_UNREADABLE') throw cause;
    const message = messageOf(cause);
    throw new SagaError('FACT_UNDECLARED', message, { category: 'bug', certainty: 'applied', cause });
  }
}

export function storedFact({ type, version, payload }: DomainEvent): StoredFact {
  return { type, version, payload };
}
