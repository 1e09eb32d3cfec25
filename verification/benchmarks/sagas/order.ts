import { z } from 'zod';

/** The services of the order saga: each runs one step. `orders` takes the orders, too, and runs the last step. */
export const services = ['orders', 'stock', 'payments', 'warehouse'] as const;
export type ServiceName = (typeof services)[number];

/** The order of the benchmark. The warehouse refuses an order of more than `MOST_PIECES`. */
export const orderSchema = z.object({
  orderId: z.string(),
  quantity: z.int().positive(),
  cents: z.int().positive(),
});
export type Order = z.infer<typeof orderSchema>;

/** The end of an order: its four steps took effect, or all that was done is compensated. */
export type Outcome = 'completed' | 'refused';

/** The largest order that the warehouse allocates, in pieces. */
const MOST_PIECES = 10;

/** The position of the refused order among ten. */
const REFUSED_OF_TEN = 9;

export function expectedOutcome({ quantity }: Order): Outcome {
  return quantity > MOST_PIECES ? 'refused' : 'completed';
}

/** Makes the order of a number. One of ten is too large, unless `refusals` is false; amounts differ. */
export function orderOf(number: number, orderId: string, refusals: boolean): Order {
  const refused = refusals && number % 10 === REFUSED_OF_TEN;
  return { orderId, quantity: refused ? MOST_PIECES + 1 : 1 + (number % 3), cents: 1_000 + (number % 97) };
}
