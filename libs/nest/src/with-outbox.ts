import type { Outbox } from '@convergekit/outbox';
import type { Executor } from '@convergekit/postgres';
import { collecting, collectingNested } from './transaction-events.ts';

/** The part of an adapter of @nestjs-cls/transactional that is wrapped. */
interface Adapter {
  /** Makes the options of a connection; the kit wraps their transactions. */
  optionsFactory(connection: unknown, extraProviders: unknown[]): AdapterOptions;
}

type Work = (...given: unknown[]) => Promise<unknown>;
type SetTx = (tx?: unknown) => void;

interface AdapterOptions {
  wrapWithTransaction(options: unknown, work: Work, setTx: SetTx): Promise<unknown>;
  wrapWithNestedTransaction?(options: unknown, work: Work, setTx: SetTx, tx: unknown): Promise<unknown>;
  getFallbackInstance(): unknown;
}

/** The transaction of an adapter. */
type TxOf<A> = A extends {
  optionsFactory: (...given: never[]) => { getFallbackInstance: () => infer Tx };
}
  ? Tx
  : never;

interface WithOutbox<Tx> {
  /** The outbox that writes the events, as `createOutbox` makes it. */
  readonly outbox: Outbox;
  /** For example `(tx) => executorFrom.drizzle(tx, sql)`. */
  readonly executor: (tx: Tx) => Executor;
}

/**
 * Wraps an adapter of @nestjs-cls/transactional so that its transactions write what `TransactionEvents` emitted, as their
 * last statement: `adapter: withOutbox(new TransactionalAdapterDrizzleOrm({ … }), { outbox, executor })`.
 * @example
 * ```ts
 * import { withOutbox } from '@convergekit/nest';
 * import { ClsPluginTransactional } from '@nestjs-cls/transactional';
 * import { TransactionalAdapterDrizzleOrm as Drizzle } from '@nestjs-cls/transactional-adapter-drizzle-orm';
 * import { executorFrom } from 'convergekit/postgres';
 * import { sql } from 'drizzle-orm';
 * import type { NodePgTransaction } from 'drizzle-orm/node-postgres';
 * import { outbox } from './shop.ts';
 *
 * type Tx = NodePgTransaction<Record<string, never>, Record<string, never>>;
 * const adapter = new Drizzle({ drizzleInstanceToken: 'DRIZZLE' });
 * export const plugin = new ClsPluginTransactional({
 *   adapter: withOutbox(adapter, { outbox, executor: (tx) => executorFrom.drizzle(tx as Tx, sql) }),
 * });
 * ```
 */
export function withOutbox<A extends Adapter>(adapter: A, { outbox, executor }: WithOutbox<TxOf<A>>): A {
  const make = adapter.optionsFactory.bind(adapter);
  adapter.optionsFactory = (connection, extraProviders) => {
    const inner = make(connection, extraProviders);
    const wrapped: AdapterOptions = {
      ...inner,
      wrapWithTransaction: (options, work, setTx) => {
        let tx: unknown;
        const collected: Work = (...given) =>
          collecting(
            () => work(...given),
            // The adapter has set it before it calls the function.
            (events) => outbox.append(executor(tx as TxOf<A>), events),
          );
        return inner.wrapWithTransaction(options, collected, (client) => {
          tx ??= client;
          setTx(client);
        });
      },
    };
    const nested = inner.wrapWithNestedTransaction?.bind(inner);
    if (nested !== undefined)
      wrapped.wrapWithNestedTransaction = (options, work, setTx, tx) =>
        nested(options, (...given) => collectingNested(() => work(...given)), setTx, tx);
    return wrapped;
  };
  return adapter;
}
