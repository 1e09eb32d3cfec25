import { defineEvent } from '@convergekit/contracts';
import { defineCall, step } from '@convergekit/saga';
import { consumerRef, defineConsumer } from '@convergekit/inbox';
import { defineReconciler, from } from '@convergekit/reconcile';
import { defineSaga } from '@convergekit/saga/declare';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { planOf } from './plan.ts';

const data = z.object({ id: z.string() });
const event = (type: string, topic: string) =>
  defineEvent(type, { version: 1, topic, key: ({ id }: z.infer<typeof data>) => id, data });
const asked = event('trip.asked', 'trips');
const held = event('room.held', 'rooms');
const refused = event('room.refused', 'rooms');
const paid = event('trip.paid', 'payments');
const trip = defineSaga('trip', { start: asked })
  .pivot('hold', { by: 'hotel', success: held, failure: refused })
  .retriable('pay', { by: 'bank', success: paid });
const hotel = defineConsumer<object>('hotel', { from: 'first' }).include(
  step(trip.hold, { apply: ({ data: { id } }) => Promise.resolve(held({ id })) }),
);
const bank = defineConsumer<object>('bank', { from: 'first' });
const call = defineCall('mail.send', {
  input: data,
  result: z.null(),
  idempotency: 'idempotent',
  call: () => Promise.resolve(null),
});

describe('the plan of a service', () => {
  it('N4: the plan of a service has the work of its saga steps, the observer, and every topic it reads or writes', () => {
    const plan = planOf('hotel', { sagas: [trip], emits: [asked] }, [hotel]);
    expect(plan.consumers.map(({ name }) => name)).toEqual(['hotel', 'hotel.observer']);
    expect(plan.calls.map(({ name }) => name)).toContain('trip.hold.resolve');
    expect(plan.needsBroker).toBe(true);
    expect(plan.topics).toEqual(
      expect.arrayContaining([
        ...['trips', 'hotel.failures', 'rooms', 'payments', 'bank.failures', 'hotel.observer.failures'],
      ]),
    );
    expect(new Set(plan.topics).size).toBe(plan.topics.length);
    expect(plan.tables).toEqual(['outbox', 'relay', 'inbox', 'saga']);
  });

  it('the plan of a service names the topics that others write, and the consumers of others whose failures it handles', () => {
    const bankOf = (...emits: (typeof asked)[]) =>
      planOf('bank', { emits }, [
        defineConsumer<object>('bank', { from: 'first' })
          .on(asked, () => undefined)
          .onFailure(consumerRef('mail'), paid, () => undefined),
      ]).others;
    expect(bankOf()).toEqual({ topics: ['trips'], consumers: ['mail'] });
    expect(bankOf(asked)).toEqual({ topics: [], consumers: ['mail'] });
  });

  it('a consumer that handles one kind of key from several topics is noted: order holds within a topic', () => {
    const mail = defineConsumer<object>('mail', { from: 'first' })
      .on(asked, () => undefined)
      .on(paid, () => undefined);
    expect(planOf('mail', {}, [mail]).notes).toEqual([
      expect.stringMatching(/^consumer mail handles events of one kind of key from trips, payments: /),
    ]);
    const failing = defineConsumer<object>('mail', { from: 'first' })
      .on(asked, () => undefined)
      .onFailure(consumerRef('bank'), paid, () => undefined);
    expect(planOf('mail', {}, [failing]).notes).toEqual([]);
    expect(planOf('hotel', { sagas: [trip] }, [hotel]).notes).toEqual([]);
  });

  it('the plan of a service of parts alone needs no broker and no tables', () => {
    expect(planOf('api', { parts: () => [] }, [])).toMatchObject({ needsBroker: false, tables: [] });
    const beside = planOf('api', { parts: () => [], emits: [asked], relay: false }, []);
    expect(beside).toMatchObject({ needsBroker: false, relays: false });
  });

  it('a service with consumers, sagas or events of its own runs the relay, unless it says that one runs beside it', () => {
    const relays = (declared: Parameters<typeof planOf>[1], consumers: Parameters<typeof planOf>[2] = []) =>
      planOf('hotel', { parts: () => [], ...declared }, consumers).relays;
    expect([relays({}, [hotel]), relays({ sagas: [trip] }, [hotel]), relays({ emits: [asked] })]).toEqual([
      true,
      true,
      true,
    ]);
    expect([relays({}), relays({ relay: false }, [hotel]), relays({ relay: true })]).toEqual([
      false,
      false,
      true,
    ]);
  });

  it('a service whose consumer misses a step of an observed saga is refused, with the step and the fix', () => {
    const plan = () => planOf('bank', { sagas: [trip] }, [bank.on(held, () => undefined)]);
    expect(plan).toThrow(/step pay is declared by bank.*include step\(…\) of it in consumer bank/);
  });

  it('a consumer whose failures are handled is one of others only where the service does not run it', () => {
    const others = (given: Parameters<typeof bank.onFailure>[0]) =>
      planOf('trips', {}, [hotel, bank.onFailure(given, held, () => undefined)]).others.consumers;
    expect([
      others(consumerRef('warehouse')),
      others(consumerRef('hotel')),
      others(bank.on(held, () => undefined)),
    ]).toEqual([['warehouse'], [], []]);
  });

  it('the worker of a service makes each call that its consumers declare, once', () => {
    const mail = call.onOutcome<object>({ succeeded: () => undefined, failed: () => undefined });
    const asking = [hotel, bank].map((consumer) => consumer.calls(mail));
    expect(planOf('mail', {}, asking).calls.filter(({ name }) => name === 'mail.send')).toEqual([mail]);
  });

  it('a service is refused with nothing to run, and with an impossible name', () => {
    expect(() => planOf('mail', {}, [])).toThrow(/nothing to run/);
    expect(() => planOf('My Service', { relay: true }, [])).toThrow(/name does not fit/);
  });

  it('a reconciler of the service’s own database needs its tables there', () => {
    const reconciler = defineReconciler('own', {
      keys: { scan: () => Promise.resolve([]) as never },
      desired: from<object>('other').read(() => Promise.resolve(null)),
      actual: from<object>('shop').read(() => Promise.resolve(null)),
      compare: () => null,
      repair: () => Promise.resolve({ numUpdatedRows: 0n }),
    });
    const names = (service: string) => planOf(service, { reconcilers: [reconciler] }, []).tables;
    expect(names('shop')).toContain('reconcile');
    expect(names('elsewhere')).not.toContain('reconcile');
  });
});
