import {
  type ConsumerDefinition,
  defineCall,
  defineConsumer,
  defineEvent,
  defineSaga,
  step,
} from 'convergekit';
import { z } from 'zod';

// What the services tell each other: facts about one trip, keyed by it.
const data = z.object({ tripId: z.string(), cents: z.int().positive() });
const event = <const Type extends string>(type: Type, topic: string) =>
  defineEvent(type, { version: 1, topic, key: ({ tripId }) => tripId, data });
export const tripAsked = event('trip.asked', 'trips');
const roomHeld = event('trip.room-held', 'rooms');
const roomRefused = event('trip.room-refused', 'rooms');
const roomFreed = event('trip.room-freed', 'rooms');
const paid = event('trip.paid', 'money');
const paidBack = event('trip.paid-back', 'money');
const seated = event('trip.seated', 'seats');
const full = event('trip.full', 'seats');
const mailed = event('trip.mailed', 'mails');

// The saga: which service does what, in which order, and which events report it.
export const bookTrip = defineSaga('book-trip', { start: tripAsked, deadlineMs: 15 * 60_000 })
  .compensatable('room', { by: 'hotel', success: roomHeld, failure: roomRefused, undone: roomFreed })
  .compensatable('pay', { by: 'payments', success: paid, undone: paidBack, call: true })
  .pivot('seat', { by: 'airline', success: seated, failure: full })
  .retriable('mail', { by: 'mails', success: mailed, call: true });

// The hotel: a step in its own database. What it does, and how that is undone.
export interface HotelDb {
  room: { trip: string };
}
export const hotel = (rooms: number): ConsumerDefinition<HotelDb> =>
  defineConsumer<HotelDb>('hotel', { from: 'first' }).include(
    step(bookTrip.room, {
      apply: async ({ data: trip }, { tx }) => {
        const held = await tx.selectFrom('room').select('trip').execute();
        if (held.length >= rooms) return roomRefused(trip);
        await tx.insertInto('room').values({ trip: trip.tripId }).execute();
        return roomHeld(trip);
      },
      compensate: async ({ intent: { data: trip } }, { tx }) => {
        await tx.deleteFrom('room').where('trip', '=', trip.tripId).execute();
        return roomFreed(trip);
      },
    }),
  );

// Payments: a step that calls another system. The saga worker calls, outside any transaction.
export interface Bank {
  readonly take: (cents: number, key: string) => Promise<void>;
  /** Gives back what was taken with the key `takeKey`. */
  readonly giveBack: (takeKey: string, key: string) => Promise<void>;
  /** True when a call with this key took effect. */
  readonly knows: (key: string) => Promise<boolean>;
}

// The call: how it is made, looked up and undone. One declaration, for handlers, steps and workflows.
const take = (bank: Bank) =>
  defineCall('bank.take', {
    input: z.object({ cents: z.int() }),
    result: z.null(),
    idempotency: 'keyed', // the bank drops repeats of the key
    call: async ({ cents }, { idempotencyKey }) => {
      await bank.take(cents, idempotencyKey);
      return null;
    },
    query: async (_, { idempotencyKey }) =>
      (await bank.knows(idempotencyKey)) ? { kind: 'applied', result: null } : { kind: 'not_found' },
    compensate: ({ call }, { undoKey }) => bank.giveBack(call.key, undoKey),
  });

export const payments = (bank: Bank): ConsumerDefinition<object> =>
  defineConsumer<object>('payments', { from: 'first' }).include(
    step(bookTrip.pay, {
      call: take(bank),
      input: ({ event: { data: trip } }) => ({ cents: trip.cents }),
      outcome: (_, { event: { data: trip } }) => paid(trip),
      undone: ({ intent: { data: trip } }) => paidBack(trip),
    }),
  );

// The airline: the pivot. Once there is a seat, there is no way back.
export const airline = (seats: number): ConsumerDefinition<{ seat: { trip: string } }> =>
  defineConsumer<{ seat: { trip: string } }>('airline', { from: 'first' }).include(
    step(bookTrip.seat, {
      apply: async ({ data: trip }, { tx }) => {
        const taken = await tx.selectFrom('seat').select('trip').execute();
        if (taken.length >= seats) return full(trip);
        await tx.insertInto('seat').values({ trip: trip.tripId }).execute();
        return seated(trip);
      },
    }),
  );

// Behind the pivot: a mail is a call, too. It is repeated until it is sent.
const mail = (send: (tripId: string) => void) =>
  defineCall('mail.send', {
    input: z.object({ tripId: z.string() }),
    result: z.null(),
    idempotency: 'keyed',
    call: ({ tripId }) => {
      send(tripId);
      return Promise.resolve(null);
    },
  });

export const mails = (send: (tripId: string) => void): ConsumerDefinition<object> =>
  defineConsumer<object>('mails', { from: 'first' }).include(
    step(bookTrip.mail, {
      call: mail(send),
      input: ({ event: { data: trip } }) => ({ tripId: trip.tripId }),
      outcome: (_, { event: { data: trip } }) => mailed(trip),
    }),
  );
