import { defineEvent } from 'convergekit';
import { z } from 'zod';

export type ShopDb = object;

const fact = <Shape extends z.ZodRawShape>(type: string, shape: Shape) =>
  defineEvent({
    type,
    version: 1,
    topic: 'shop',
    key: (data) => String((data as { order?: string }).order),
    data: z.object({ order: z.string(), ...shape }),
  });
export const ordered = fact('shop.ordered', { cents: z.number().int() });
export const charged = fact('shop.charged', { receipt: z.string() });
export const declined = fact('shop.declined', { code: z.string() });

export declare const pay: (cents: number, key: string, signal: AbortSignal) => Promise<{ receipt: string }>;
