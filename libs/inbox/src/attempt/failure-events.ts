import { failpoint } from '@convergekit/core/engine';
import { checkHeaders, contextHeaders } from '@convergekit/contracts/engine';
import { ContractError } from '@convergekit/contracts';
import type { AppendEvent } from '@convergekit/outbox/engine';
import { executorOf } from '@convergekit/postgres';
import { calledInAttempt } from '@convergekit/resilience/engine';
import { contextFrom, contextOrActive, injectSpan, spanNames } from '@convergekit/telemetry/engine';
import { answers } from '../slice/call-handlers.ts';
import type { SliceContext } from '../slice/context.ts';
import { type DeadLetter, DETAILS, failureContextOf, failureEventId, failureInput } from './dead-letter.ts';
import type { Transaction } from 'kysely';
import { connectionLost, EMIT, HandlerFailed } from '../slice/fault.ts';

/**
 * Builds the failure event of a dead letter, to be emitted in the dead letter's transaction. The event has less detail
 * where it would be too large to emit: an event that cannot be recorded would stop its consumer.
 */
export function failureEventOf<DB>({ failureEvent }: SliceContext<DB>, deadLetter: DeadLetter): AppendEvent {
  let refused: unknown;
  for (const detail of DETAILS)
    try {
      const event = failureEvent(failureInput(deadLetter, detail));
      const { type, version, topic, key, payload } = event;
      const headers = contextHeaders(event, failureContextOf(deadLetter));
      traceFailure(headers, topic, deadLetter);
      checkHeaders(headers, { reserved: 'allow' });
      return { id: failureEventId(deadLetter), type, version, topic, key, payload, headers };
    } catch (error) {
      if (!(error instanceof ContractError)) throw error;
      refused = error;
    }
  throw new Error('the shortest failure event was refused', { cause: refused });
}

/** Continues the trace of the failed event; the span links to the attempt that caused the failure. */
function traceFailure(
  headers: Record<string, string>,
  topic: string,
  { envelope, attempts }: DeadLetter,
): void {
  const cause = attempts.at(-1)?.traceparent;
  injectSpan(headers, spanNames.create(topic), {
    kind: 'producer',
    parent: contextOrActive(envelope?.headers ?? {}),
    ...(cause === undefined ? {} : { links: [contextFrom({ traceparent: cause })] }),
  });
}

/**
 * Appends emitted events and failure events to the outbox. `isLast`: as the last statement of the transaction, whose failure
 * may be the error of the commit (see `faultOf`).
 */
export async function append<DB>(
  { outbox }: SliceContext<DB>,
  tx: Transaction<DB>,
  events: readonly AppendEvent[],
  { isLast = false }: { readonly isLast?: boolean } = {},
): Promise<void> {
  if (events.length === 0) return;
  const executor = executorOf(tx);
  try {
    await (isLast ? outbox.appendLast(tx, events) : outbox.append(executor, events));
    failpoint('inbox.after_append');
  } catch (error) {
    if (!(await answers(executor))) throw connectionLost(error);
    throw new HandlerFailed(EMIT, error, calledInAttempt());
  }
}
