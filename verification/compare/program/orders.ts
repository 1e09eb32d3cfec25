import { consumerRef, defineConsumer, type HandlerContext } from 'convergekit';
import {
  buy,
  cancelAsked,
  filed,
  noted,
  type Order,
  outOfStock,
  placed,
  released,
  shipped,
  stamped,
} from './events.ts';
import { reach } from './director.ts';
import { serve } from './serve.ts';

interface Tables {
  orders: Order & { status: string; filed: boolean; stamped: boolean; points: string };
  notes: { customer: string; lines: string };
}

const mark =
  (values: Partial<Tables['orders']>) =>
  async ({ data: { id } }: { readonly data: Order }, { tx }: Pick<HandlerContext<Tables>, 'tx'>) => {
    await tx.updateTable('orders').set(values).where('id', '=', id).execute();
  };

/** Keeps what became of each order, as other services report it. */
const status = defineConsumer<Tables>('status', { from: 'first' })
  .on(shipped, mark({ status: 'shipped' }))
  .on(outOfStock, mark({ status: 'out of stock' }))
  .on(released, mark({ status: 'undone' }))
  .on(filed, mark({ filed: true }))
  .on(stamped, mark({ stamped: true }))
  .onFailure(consumerRef('points'), shipped, ({ event, category }, context) =>
    mark({ points: category })(event, context),
  );

/** A projection with an order per key: each line is appended behind those before it. */
const notes = defineConsumer<Tables>('notes', { from: 'first' }).on(
  noted,
  async ({ data: { customer, line } }, { tx }) => {
    await tx
      .insertInto('notes')
      .values({ customer, lines: ` ${line}` })
      .onConflict((conflict) =>
        conflict.column('customer').doUpdateSet((row) => ({ lines: row('notes.lines', '||', ` ${line}`) })),
      )
      .execute();
    await reach('note', `${customer}-${line}`);
  },
);

await serve<Tables>(
  'orders',
  { consumers: [status, notes], sagas: [buy], emits: [placed, cancelAsked, noted] },
  {
    waits: true,
    answer: ({ op, key, data }, { transaction }) =>
      transaction({ requestKey: `${op} ${key}`, request: data as object }, async ({ tx, emit }) => {
        if (op === 'note') return emit(noted(data as Parameters<typeof noted>[0]));
        const order = data as Order;
        if (op === 'cancel') return emit(cancelAsked(order));
        const row = { ...order, status: 'placed', filed: false, stamped: false, points: '' };
        await tx.insertInto('orders').values(row).execute();
        return emit(placed(order));
      }),
  },
);
