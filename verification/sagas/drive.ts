import { type Clock, type Random, seededRandom } from '@convergekit/core';
import { placeOrder } from '../demo/drive/customer.ts';
import { wish } from '../demo/drive/orders.ts';
import { ACCOUNTS } from './banks.ts';
import type { World } from './world.ts';

export interface DriveOptions {
  readonly world: World;
  readonly orders: number;
  readonly transfers: number;
  /** Requests in flight of each kind. */
  readonly atOnce: number;
  readonly seed: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onAnswer: (what: 'order' | 'transfer') => void;
}

/** The answers to clients, by idempotency key. */
export interface Answered {
  readonly requestKey: string;
  readonly ids: ReadonlySet<string>;
}

export interface Driven {
  readonly orders: readonly Answered[];
  readonly transfers: readonly Answered[];
}

/** Sends orders and transfers, each after an earlier one was answered, as patient and partly careless clients. */
export async function drive(options: DriveOptions): Promise<Driven> {
  const { world, seed, clock, signal, atOnce, onAnswer } = options;
  // Each request has separate random numbers: its content does not depend on the order of the answers.
  const randomOf = (n: number): Random => seededRandom(seed * 1_000_003 + n);
  const customer = { url: world.shop.ordersUrl, clock, random: randomOf(-1), signal };
  const [orders, transfers] = await Promise.all([
    inFlight(options.orders, atOnce, signal, async (n) => {
      const one = wish(randomOf(n), `order-${seed}-${n}`);
      const { orderIds: ids } = await placeOrder(customer, one);
      onAnswer('order');
      return { requestKey: one.requestKey, ids };
    }),
    inFlight(options.transfers, atOnce, signal, async (n) => {
      const requestKey = `transfer-${seed}-${n}`;
      const ids = new Set([await transfer(options, requestKey, transferBody(randomOf(-n - 2)))]);
      onAnswer('transfer');
      return { requestKey, ids };
    }),
  ]);
  return { orders, transfers };
}

interface TransferBody {
  readonly from: string;
  readonly to: string;
  readonly amountCents: number;
}

/** Creates a transfer: 3 of 100 name a missing savings account; some accounts are poor or closed. */
function transferBody(random: Random): TransferBody {
  const any = (): number => Math.floor(random() * ACCOUNTS);
  const to = random() < 0.03 ? 's-unknown' : `s${any()}`;
  return { from: `g${any()}`, to, amountCents: 1 + Math.floor(random() * 1_500) };
}

/** Repeats the same request under the same key until it is answered. */
async function transfer(
  { world, clock, signal }: DriveOptions,
  requestKey: string,
  body: TransferBody,
): Promise<string> {
  for (;;) {
    signal.throwIfAborted();
    try {
      const response = await fetch(new URL('/transfers', world.banks.giroUrl), {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': requestKey },
        body: JSON.stringify(body),
        signal: AbortSignal.any([signal, AbortSignal.timeout(5_000)]),
      });
      const text = await response.text();
      if (response.status === 201) return (JSON.parse(text) as { transferId: string }).transferId;
      if (response.status < 500)
        throw new TypeError(`the bank refused ${requestKey}: HTTP ${response.status} ${text}`);
    } catch (error) {
      if (signal.aborted || (error instanceof TypeError && error.message.startsWith('the bank'))) throw error;
    }
    await clock.sleep(200, signal);
  }
}

async function inFlight<T>(
  count: number,
  atOnce: number,
  signal: AbortSignal,
  one: (n: number) => Promise<T>,
): Promise<readonly T[]> {
  const done: T[] = [];
  const numbers = Array.from({ length: count }, (_, n) => n).values();
  const worker = async (): Promise<void> => {
    for (const n of numbers) {
      signal.throwIfAborted();
      done.push(await one(n));
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, worker));
  return done;
}
