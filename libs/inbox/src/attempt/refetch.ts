import type { Envelope } from '@convergekit/contracts/engine';
import { runCode } from '@convergekit/core/engine';
import { envelopeOf, type Step } from '../plan/plan.ts';
import type { Subscription } from '../define/subscription.ts';
import { InboxError } from '../errors.ts';
import type { SliceContext } from '../slice/context.ts';

interface Refetchable<DB> {
  readonly subscription: Subscription<DB>;
  readonly envelope: Envelope;
  readonly refetch: NonNullable<Subscription<DB>['refetch']>;
}

function refetchable<DB>({ definition }: SliceContext<DB>, step: Step<DB>): Refetchable<DB> | undefined {
  const envelope = envelopeOf(step);
  if (envelope === undefined) return undefined;
  const subscription =
    step.kind === 'handle'
      ? step.subscription
      : definition.subscriptions.find(
          ({ topic, type }) => topic === envelope.topic && type === envelope.type,
        );
  const refetch = subscription?.refetch;
  return subscription === undefined || refetch === undefined
    ? undefined
    : { subscription, envelope, refetch };
}

/** True when the event's handler can read current data in its place. */
export function canRefetch<DB>(context: SliceContext<DB>, step: Step<DB>): boolean {
  return refetchable(context, step) !== undefined;
}

/** True for an event that its handler cannot parse, and whose handler has a `refetch`. */
export function wantsRefetch<DB>(context: SliceContext<DB>, step: Step<DB>): boolean {
  return step.kind === 'refuse' && canRefetch(context, step);
}

/**
 * Replaces a step's data with current data for its key, validated by the event's definition. The step stays unchanged
 * when there is no current data. When the refetch fails, its error is the reason of the refusal: an outage of the other
 * system parks the event instead of giving it up.
 */
export async function refetched<DB>(
  context: SliceContext<DB>,
  step: Step<DB>,
  signal: AbortSignal,
): Promise<Step<DB>> {
  const found = refetchable(context, step);
  if (found === undefined || step.kind === 'skip') return step;
  const { record, mark, passed, fill, foreign } = step;
  const place = { record, mark, foreign, ...(passed && { passed }), ...(fill && { fill }) };
  const { subscription, envelope, refetch } = found;
  try {
    const { handler } = subscription;
    const { attemptTimeoutMs } = context.policyOf(handler);
    const late = (err: unknown, line: string): void => context.log.error({ err }, line);
    const event = await inTime(handler, attemptTimeoutMs, signal, (within) =>
      runCode(`the refetch of handler ${handler}`, late, () =>
        refetch(envelope, { signal: within, log: context.log }),
      ),
    );
    return event === undefined ? step : { ...place, kind: 'handle', event, subscription };
  } catch (error) {
    return { ...place, kind: 'refuse', envelope, error };
  }
}

/** Limits a refetch to the handler's own time limit, outside any transaction. */
async function inTime<T>(
  handler: string,
  limitMs: number,
  signal: AbortSignal,
  fn: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const within = AbortSignal.any([signal, AbortSignal.timeout(limitMs)]);
  const left = Promise.withResolvers<never>();
  const leave = (): void => left.reject(tooLong(handler, limitMs));
  within.addEventListener('abort', leave, { once: true });
  try {
    return await Promise.race([fn(within), left.promise]);
  } finally {
    within.removeEventListener('abort', leave);
  }
}

function tooLong(handler: string, limitMs: number): InboxError {
  const message = `the refetch of handler ${handler} took longer than ${limitMs} ms (its policy's attemptTimeoutMs)`;
  return new InboxError('HANDLER_TIMEOUT', message, { category: 'service', certainty: 'not_applied' });
}
