import { type Database, defineConsumer, defineSaga, step } from 'convergekit';
import { callsOf, sagaWorker } from 'convergekit/process';
import { roomFreed, roomHeld, roomRefused, seated, tripAsked } from './events.ts';

const bookTrip = defineSaga('book-trip', { start: tripAsked })
  .compensatable('room', { by: 'hotel', success: roomHeld, failure: roomRefused, undone: roomFreed })
  .retriable('seat', { by: 'airline', success: seated });

export const hotel = defineConsumer<object>('hotel', { from: 'first' }).include(
  step(bookTrip.room, {
    apply: ({ data: trip }) => roomHeld(trip),
    compensate: ({ intent: { data: trip } }) => roomFreed(trip),
  }),
);
export const worker = (database: Database<object>) => sagaWorker(callsOf(hotel), { database });
