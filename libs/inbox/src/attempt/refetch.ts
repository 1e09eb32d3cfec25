import type { Envelope } from '@convergekit/contracts';
import type { Step } from '../plan/plan.ts';
import type { Subscription } from '../define/subscription.ts';
import { InboxError } from '../errors.ts';
import type { SliceContext } from '../slice/context.ts';

interface Refetchable<DB> {
  readonly subscription: Subscription<DB>;
  readonly envelope: Envelope;
  readonly refetch: NonNullable<Subscription<DB>['refetch']>;
}

function refetchable<DB>({ definition }: SliceContext<DB>, step: Step<DB>): Refetchable<DB> | undefined {
  const envelope = step.kind === 'handle' ? step.event : step.kind === 'refuse' ? step.envelope : undefined;
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

/** Whether the truth may be asked for in the place of what an event says. */
export function canRefetch<DB>(context: SliceContext<DB>, step: Step<DB>): boolean {
  return refetchable(context, step) !== undefined;
}

/** True for an event that cannot be read by its handler as it is, and whose handler says where the truth is. */
export function wantsRefetch<DB>(context: SliceContext<DB>, step: Step<DB>): boolean {
  return step.kind === 'refuse' && step.unknown === undefined && canRefetch(context, step);
}

/**
 * The step with the current truth of its key in the place of what it carried, validated by the event's definition. When
 * there is none it stays as it is; when asking failed, that is why it is refused: an outage of the other side is parked for,
 * not given up.
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
    const { attemptTimeoutMs } = context.policyOf(subscription.handler);
    const event = await inTime(subscription.handler, attemptTimeoutMs, signal, (within) =>
      refetch(envelope, { signal: within, log: context.log }),
    );
    return event === undefined ? step : { ...place, kind: 'handle', event, subscription };
  } catch (error) {
    return { ...place, kind: 'refuse', envelope, error };
  }
}

/** The handler's own time, outside any transaction. */
async function inTime<T>(
  handler: string,
  limitMs: number,
  signal: AbortSignal,
  fn: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = AbortSignal.timeout(limitMs);
  const within = AbortSignal.any([signal, late]);
  const left = Promise.withResolvers<never>();
  const leave = (): void =>
    left.reject(
      new InboxError(
        'HANDLER_TIMEOUT',
        `the refetch of handler ${handler} took longer than ${limitMs} ms (its policy's attemptTimeoutMs)`,
        {
          category: 'service',
          certainty: 'not_applied',
        },
      ),
    );
  within.addEventListener('abort', leave, { once: true });
  try {
    return await Promise.race([fn(within), left.promise]);
  } finally {
    within.removeEventListener('abort', leave);
  }
}
