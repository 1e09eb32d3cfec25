import type { Random } from '@convergekit/core';

export interface OrderBody {
  readonly lines: readonly { readonly sku: string; readonly quantity: number; readonly unitCents: number }[];
  readonly country: string;
}

/** A customer's wish: the order, and how carelessly it is sent. */
export interface Wish {
  readonly requestKey: string;
  readonly body: OrderBody;
  /** The connection is cut so long after the first request was sent, milliseconds; never when undefined. */
  readonly cutAfterMs: number | undefined;
  /** True when the request is sent twice at the same time. */
  readonly twice: boolean;
  /** Called off so long after the answer, milliseconds; never when undefined. */
  readonly cancelAfterMs: number | undefined;
}

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
export function wish(random: Random, requestKey: string): Wish {
  const kind = random();
  return {
    requestKey,
    body: bodyOf(kind, random),
    cutAfterMs: random() < 0.1 ? random() * 12 : undefined,
    twice: random() < 0.05,
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
