import type { Clock, Random } from '@convergekit/core';
import type { Answered } from '../../../checker/check.ts';
import { ask } from '../ask.ts';

interface OrderBody {
  readonly lines: readonly { readonly sku: string; readonly quantity: number; readonly unitCents: number }[];
  readonly country: string;
}

/** A customer's wish: the order, and how carelessly it is sent. */
type Wish = ReturnType<typeof wish>;

interface Article {
  readonly sku: string;
  readonly unitCents: number;
  readonly initial: number;
}

const plenty: readonly Article[] = [
  { sku: 'cup', unitCents: 900, initial: 50_000 },
  { sku: 'pot', unitCents: 3_400, initial: 50_000 },
  { sku: 'tea', unitCents: 450, initial: 50_000 },
  { sku: 'tray', unitCents: 2_100, initial: 50_000 },
  { sku: 'spoon', unitCents: 250, initial: 50_000 },
];
/** Runs out soon: the first orders get it, the others are refused. */
const rare: Article = { sku: 'samovar', unitCents: 19_900, initial: 12 };

export const articles: readonly Article[] = [...plenty, rare];

/**
 * Creates a wish; the same random numbers give the same wish. About a quarter of the wishes cannot be served, each at
 * another step.
 */
export function wish(random: Random, requestKey: string) {
  const kind = random();
  return {
    requestKey,
    body: bodyOf(kind, random),
    /** The connection is cut so long after the first request was sent; undefined: never. */
    cutAfterMs: random() < 0.1 ? random() * 12 : undefined,
    /** True when the request is sent twice at the same time. */
    twice: random() < 0.05,
    /** Called off so long after the answer; undefined: never. */
    cancelAfterMs: random() < 0.08 ? random() * 1_000 : undefined,
  };
}

function bodyOf(kind: number, random: Random): OrderBody {
  // The carrier refuses: parcel, then refund, then release.
  if (kind < 0.08) return { lines: [lineOf(random, 1)], country: 'AQ' };
  // The amount is over the limit of payments, whose failure event releases the stock.
  if (kind < 0.13) return { lines: [{ sku: 'pot', quantity: 200, unitCents: 3_400 }], country: 'PT' };
  // Out of stock, after the first few.
  if (kind < 0.2) return { lines: [lineOf(random, 2), { ...rare, quantity: 2 }].map(plain), country: 'NO' };
  const country = ['PT', 'SE', 'JP', 'BR'][Math.floor(random() * 4)] ?? 'PT';
  const count = 1 + Math.floor(random() * 3);
  return { lines: Array.from({ length: count }, () => lineOf(random, 3)), country };
}

function lineOf(random: Random, most: number): OrderBody['lines'][number] {
  const article = plenty[Math.floor(random() * plenty.length)] ?? rare;
  return plain({ ...article, quantity: 1 + Math.floor(random() * most) });
}

function plain({ sku, quantity, unitCents }: OrderBody['lines'][number]): OrderBody['lines'][number] {
  return { sku, quantity, unitCents };
}

export interface Customer {
  readonly url: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Ends the patience of all customers. */
  readonly signal: AbortSignal;
}

export interface Served extends Pick<Answered, 'ids'> {
  readonly attempts: number;
}

/**
 * Places an order as a patient client: after a broken connection or server error, repeats the request with the same
 * key. Rejects only when the server refuses for good.
 */
export async function placeOrder(customer: Customer, wish: Wish): Promise<Served> {
  const cut = wish.cutAfterMs;
  const first = wish.twice
    ? await Promise.all([send(customer, wish, cut), send(customer, wish, undefined)])
    : [await send(customer, wish, cut)];
  const ids = new Set(first.filter((id) => id !== undefined));
  let attempts = first.length;
  while (ids.size === 0 && !customer.signal.aborted) {
    await customer.clock.sleep(Math.min(1_000, 50 * 2 ** attempts) * customer.random(), customer.signal);
    const id = await send(customer, wish, undefined);
    if (id !== undefined) ids.add(id);
    attempts += 1;
  }
  const [orderId] = ids;
  if (wish.cancelAfterMs !== undefined && orderId !== undefined) {
    await customer.clock.sleep(wish.cancelAfterMs, customer.signal);
    await callOff(customer, orderId);
  }
  return { ids, attempts };
}

/** Cancels an order until there is an answer: cancelled, cancelled later, or already shipped (409). */
async function callOff({ url, clock, signal }: Customer, orderId: string): Promise<void> {
  const cancel = new URL(`/orders/${orderId}/cancel`, url);
  while (!signal.aborted && (await ask(cancel, { body: {}, signal })) === undefined)
    await clock.sleep(200, signal);
}

/** Sends a request; undefined when no answer came or the server failed. */
async function send(
  { url, signal }: Customer,
  { requestKey, body }: Wish,
  cutAfterMs: number | undefined,
): Promise<string | undefined> {
  const headers = { 'idempotency-key': requestKey };
  const answer = await ask(new URL('/orders', url), { body, headers, signal, cutAfterMs });
  if (answer === undefined) return undefined;
  if (answer.status !== 201)
    throw new Error(`the shop refused ${requestKey}: HTTP ${answer.status} ${answer.text}`);
  return (JSON.parse(answer.text) as { orderId: string }).orderId;
}
