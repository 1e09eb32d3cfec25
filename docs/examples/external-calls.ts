import { BusinessRejection, defineCall, defineConsumer, defineEvent } from 'convergekit';
import { z } from 'zod';

const order = z.object({ orderId: z.string(), cents: z.int().positive() });
type Order = z.infer<typeof order>;
const event = <const Type extends string>(type: Type) =>
  defineEvent(type, { version: 1, topic: 'till', key: ({ orderId }: Order) => orderId, data: order });
export const ordered = event('till.ordered');
export const charged = event('till.charged');
export const declined = event('till.declined');

/** The receipt of a charge, from the provider's HTTP API. The headers take the trace and the deadline along. */
export const receiptOf = defineCall('till.receipt', {
  input: z.object({ url: z.url() }),
  result: z.object({ text: z.string() }),
  idempotency: 'idempotent',
  call: async ({ url }, { headers, signal }) => {
    const answer = await fetch(url, { headers, signal });
    if (!answer.ok) throw Object.assign(new Error(`HTTP ${answer.status}`), { status: answer.status });
    return { text: await answer.text() };
  },
});

/** The provider: another company, reached over HTTP. */
export interface Provider {
  /** Resolves with the receipt, or undefined when the card is refused. */
  charge(cents: number, key: string, signal: AbortSignal): Promise<string | undefined>;
  find(key: string, signal: AbortSignal): Promise<string | undefined>;
}

export const chargeCard = (provider: Provider) =>
  defineCall('till.charge', {
    input: order,
    result: z.object({ receipt: z.string() }),
    idempotency: 'keyed', // the provider drops repeats of the key
    quota: { name: 'provider', perSecond: 50, burst: 10 }, // what the provider allows, over all processes
    call: async ({ cents }, { idempotencyKey, signal }) => {
      const receipt = await provider.charge(cents, idempotencyKey, signal);
      if (receipt === undefined) throw new BusinessRejection('the card was refused');
      return { receipt };
    },
    query: async (_, { idempotencyKey, signal }) => {
      const receipt = await provider.find(idempotencyKey, signal);
      return receipt === undefined ? { kind: 'not_found' } : { kind: 'applied', result: { receipt } };
    },
  });

export const till = (provider: Provider) => {
  const charge = chargeCard(provider).onOutcome<TillDb>({
    succeeded: async ({ receipt }, { tx, emit, input }) => {
      await tx.insertInto('receipt').values({ orderId: input.orderId, receipt }).execute();
      emit(charged(input));
    },
    failed: (_, { emit, input }) => emit(declined(input)),
  });
  return defineConsumer<TillDb>('till', { from: 'first' })
    .calls(charge)
    .on(ordered, async (event, { call }) => {
      await call(charge, event.data);
    });
};

export interface TillDb {
  receipt: { orderId: string; receipt: string };
}
export const TILL_TABLES = 'create table receipt ("orderId" text primary key, receipt text not null)';
