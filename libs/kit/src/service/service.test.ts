import { defineEvent } from '@convergekit/contracts';
import { forItsExports } from '@convergekit/core/engine';
import { defineSaga } from '@convergekit/saga/declare';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { defineService } from './service.ts';

const event = (type: string, topic: string) =>
  defineEvent(type, { topic, key: ({ id }) => id, data: z.object({ id: z.string() }) });
const asked = event('trip.asked', 'trips');
const trip = defineSaga('trip', { start: asked }).retriable('pay', {
  by: 'bank',
  success: event('trip.paid', 'payments'),
});

// Seen to fail without the topics of a service: `topics create --from` left out the observer's.
it('a service names the topics of its observer and of what it emits, before it runs', () => {
  const { topics } = defineService('travel', { sagas: [trip], emits: [asked] });
  expect(topics.toSorted()).toEqual(['bank.failures', 'payments', 'travel.observer.failures', 'trips']);
  expect(defineService('late', { consumers: () => [], emits: [asked] }).topics).toEqual(['trips']);
});

it('a service that a command imports for what it exports does not run', async () => {
  const travel = defineService('travel', { emits: [asked] });
  // It would fail: there is no database, and the arguments are those of the test.
  await forItsExports(() => travel.run());
  expect(process.exitCode).toBeUndefined();
});
