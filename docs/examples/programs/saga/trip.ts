import { defineCall, defineEvent, defineSaga } from 'convergekit';
import { z } from 'zod';

const data = z.object({ id: z.string() });
const event = <T extends string>(type: T) => defineEvent(type, { topic: 'trips', key: ({ id }) => id, data });
export const asked = event('trip.asked');
export const paid = event('trip.paid');
export const seated = event('trip.seated');
export const full = event('trip.full');

// A trip is paid, then it gets a seat. Where there is none, the bank gives the money back.
export const trip = defineSaga('trip', { start: asked, deadlineMs: 60_000 })
  .compensatable('pay', { by: 'payments', success: paid, call: true })
  .pivot('seat', { by: 'airline', success: seated, failure: full });

// The bank drops repeats of a key. Here it is a line in the terminal.
const bank = (line: string) => {
  process.stdout.write(`bank: ${line}\n`);
  return Promise.resolve('done' as const);
};
export const charge = defineCall('bank.charge', {
  input: data,
  result: z.literal('done'),
  idempotency: 'keyed',
  call: ({ id }) => bank(`${id} pays`),
  compensate: ({ input }) => bank(`${input.id} gets the money back`),
});
