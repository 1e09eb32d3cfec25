import { createNoopMeter, metrics, ProxyTracerProvider, trace } from '@opentelemetry/api';

/**
 * True when the application has set a tracer or meter provider. It uses the API's public names only, so providers that
 * another copy of the API has registered count, too.
 */
export function providersAreSet(): boolean {
  /* eslint-disable @typescript-eslint/no-deprecated -- the API has no other way to ask */
  const none = new ProxyTracerProvider().getDelegate();
  const set = trace.getTracerProvider();
  const tracers = 'getDelegate' in set ? (set as ProxyTracerProvider).getDelegate() : set;
  /* eslint-enable @typescript-eslint/no-deprecated */
  return tracers.constructor !== none.constructor || metrics.getMeter('converge') !== createNoopMeter();
}
