import { defineConsumer, defineService, step } from 'convergekit';
import { asked, charge, full, paid, seated, trip } from './trip.ts';

// A step that is a call: it is made outside of any transaction, and its outcome is an event.
const payments = defineConsumer('payments').include(
  step(trip.pay, {
    call: charge,
    input: ({ event }) => event.data,
    outcome: (_, { event }) => paid(event.data),
  }),
);

// A step in the service itself. Zoe comes too late.
const airline = defineConsumer('airline').include(
  step(trip.seat, {
    apply: ({ data }) => Promise.resolve(data.id === 'zoe' ? full(data) : seated(data)),
  }),
);

await defineService('trips', {
  consumers: [payments, airline],
  sagas: [trip],
  emits: [asked],
  onReady: ({ transaction }) =>
    transaction({ requestKey: 'both', request: {} }, ({ emit }) =>
      Promise.resolve(['ada', 'zoe'].forEach((id) => emit(asked({ id })))),
    ),
}).run();
