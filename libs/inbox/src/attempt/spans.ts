import type { ReceivedEvent } from '@convergekit/contracts';
import {
  attributeNames,
  type Context,
  failSpan,
  inSpan,
  openSpan,
  spanNames,
  traceContextFrom,
  traceparentOf,
  waitAttributes,
} from '@convergekit/telemetry/engine';
import { withSpan } from '@convergekit/telemetry';
import type { HandlerRun, Middleware } from './middleware.ts';
import type { Step } from '../plan/plan.ts';
import type { Attempt } from './attempt.ts';

/** The most links of a span that the OpenTelemetry SDK keeps. */
const MAX_LINKS = 128;

/** Opens a span per call of a slice. An event that is processed alone has a span around all its attempts already. */
export function trace<DB>(): Middleware<DB> {
  return (call, next) => (call.attempt === undefined ? inProcessSpan(call, () => next(call)) : next(call));
}

type Processed<DB> = Pick<HandlerRun<DB>, 'consumer' | 'subscription' | 'events'>;

/** Runs `fn` in a `process` span: a child of the event's trace, or linked to the traces of a batch. */
export function inProcessSpan<DB, T>(
  { consumer, subscription, events }: Processed<DB>,
  fn: () => Promise<T>,
): Promise<T> {
  const [first, ...others] = events.slice(0, MAX_LINKS).map(({ headers }) => traceContextFrom(headers));
  const attributes = {
    [attributeNames.system]: 'kafka',
    [attributeNames.operation]: 'process',
    [attributeNames.operationType]: 'process',
    [attributeNames.group]: consumer,
    [attributeNames.consumer]: consumer,
    [attributeNames.handler]: subscription.handler,
    [attributeNames.type]: subscription.type,
    [attributeNames.destination]: subscription.topic,
    [attributeNames.batchSize]: events.length,
    ...(events.length === 1 ? { [attributeNames.eventId]: events[0]?.id ?? '' } : {}),
  };
  const parent = first === undefined || others.length > 0 ? {} : { parent: first };
  const links = others.length > 0 && first !== undefined ? [first, ...others] : causesOf(events);
  return withSpan(
    spanNames.process(subscription.topic),
    { kind: 'consumer', attributes, links, ...parent },
    fn,
  );
}

/** The attempt that made an event necessary: a failure event, or one of a compensation. */
function causesOf([event]: readonly ReceivedEvent[]): readonly Context[] {
  const { attemptTrace } = event ?? {};
  return attemptTrace === undefined ? [] : [traceContextFrom({ traceparent: attemptTrace })];
}

/** Runs `fn` in the `process` span of the one event of these steps, around all its attempts. */
export function aroundAttempts<DB, T>(
  consumer: string,
  steps: readonly Step<DB>[],
  fn: () => Promise<T>,
): Promise<T> {
  const step = steps.find((one) => one.kind === 'handle');
  if (step === undefined) return fn();
  return inProcessSpan({ consumer, subscription: step.subscription, events: [step.event] }, fn);
}

/** Opens a child of the `process` span for one attempt, with its outcome and the wait after it. */
export function attemptSpan(handler: string, number: number) {
  const attributes = { [attributeNames.handler]: handler, [attributeNames.attempt]: number };
  const span = openSpan(spanNames.attempt(handler), { kind: 'internal', attributes });
  return {
    traceparent: traceparentOf(span),
    run: <T>(fn: () => Promise<T>): Promise<T> => inSpan(span, fn),
    end: (outcome: string, failed?: Attempt): void => {
      if (span === undefined) return;
      span.setAttribute(attributeNames.outcome, outcome);
      if (failed !== undefined) {
        const { category, certainty, code, wait } = failed;
        span.setAttributes({
          [attributeNames.category]: category,
          [attributeNames.certainty]: certainty,
          [attributeNames.reason]: code,
          ...(wait === undefined ? {} : waitAttributes(wait)),
        });
        failSpan(span, code);
      }
      span.end();
    },
  };
}
