import { metrics, type MeterProvider, trace, type Tracer } from '@opentelemetry/api';
import { afterEach, expect, it } from 'vitest';
import { providersAreSet } from './providers.ts';

afterEach(() => {
  trace.disable();
  metrics.disable();
});

it('providers are set when the application has set one, and not before', () => {
  expect(providersAreSet()).toBe(false);
  trace.setGlobalTracerProvider({ getTracer: () => ({}) as Tracer });
  expect(providersAreSet()).toBe(true);
  trace.disable();
  expect(providersAreSet()).toBe(false);
  metrics.setGlobalMeterProvider({ getMeter: () => ({}) } as unknown as MeterProvider);
  expect(providersAreSet()).toBe(true);
});
