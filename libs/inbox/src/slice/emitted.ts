import { contextHeaders } from '@convergekit/contracts/engine';
import type { DomainEvent, ReceivedEvent } from '@convergekit/contracts';
import type { AppendEvent } from '@convergekit/outbox/engine';
import { deterministicUuid } from '@convergekit/core/engine';
import { injectTrace } from '@convergekit/telemetry/engine';
import type { EmitAs } from '../define/subscription.ts';
import { InboxError } from '../errors.ts';
import { eventContextOf } from '../attempt/dead-letter.ts';

/**
 * Collects what the handlers of one slice emit, until it is appended. Ids are a function of consumer, handler, incoming event
 * and index, so that a repeated handler emits the same facts under the same ids.
 */
export class Emitted {
  readonly #events: AppendEvent[] = [];
  readonly #counts = new Map<string, number>();
  readonly #consumer: string;
  readonly #run: number;

  /** `run`: the number of the operator's retry; the first delivery, redeliveries and drains are run 0. */
  constructor(consumer: string, run = 0) {
    this.#consumer = consumer;
    this.#run = run;
  }

  get events(): readonly AppendEvent[] {
    return this.#events;
  }

  /** Marks what is emitted so far; the result forgets what came after, as a rollback to a savepoint does. */
  mark(): () => void {
    const { length } = this.#events;
    return () => (this.#events.length = length);
  }

  add(
    handler: string,
    event: DomainEvent,
    answers: ReceivedEvent,
    { id: fixed, ...context }: EmitAs = {},
  ): void {
    const incoming = identityOf(answers);
    const count = `${handler} ${incoming}`;
    const index = this.#counts.get(count) ?? 0;
    this.#counts.set(count, index + 1);
    const { type, version, topic, key, payload, search } = event;
    const headers = contextHeaders(event, { ...eventContextOf(answers), ...context });
    injectTrace(headers); // the handler's span has ended when the slice appends
    const id = fixed ?? deterministicUuid(this.#consumer, handler, 'apply', this.#run, incoming, index);
    this.#events.push({ id, type, version, topic, key, payload, headers, ...(search && { search }) });
  }
}

/** The identity of an event: ids of foreign producers are unique only together with their source. */
export function identityOf({ id, source, position }: ReceivedEvent): string {
  return position === undefined ? `${source}#${id}` : id;
}

export function emitClosed(handler: string, type: string): InboxError {
  return new InboxError(
    'HANDLER_ENDED',
    `handler ${handler} emitted ${type} after it had ended: await everything that emits before the handler returns`,
    { category: 'bug' },
  );
}
