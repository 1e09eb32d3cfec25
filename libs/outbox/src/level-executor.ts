import type {
  AbortableQueryOptions,
  CompiledQuery,
  ConnectionProvider,
  KyselyPlugin,
  QueryExecutor,
  QueryId,
  QueryResult,
  RootOperationNode,
  Transaction,
} from 'kysely';
import { refuseControl } from '@convergekit/postgres/engine';
import type { Level, Levels } from './levels.ts';

/** Wraps a transaction so that its statements wait for savepoints of other code. `at` returns the caller's level. */
export function waitingTransaction<DB>(
  tx: Transaction<DB>,
  levels: Levels,
  at: () => Level,
): Transaction<DB> {
  const executor = tx.getExecutor();
  const plugin: KyselyPlugin = {
    transformQuery: ({ node }) => node,
    transformResult: ({ result }) => Promise.resolve(result),
  };
  // Kysely changes a transaction's executor only by the result of the present one's `withPlugin`.
  Object.defineProperty(executor, 'withPlugin', {
    configurable: true,
    value: () => new WaitingExecutor(executor, levels, at),
  });
  try {
    return tx.withPlugin(plugin);
  } finally {
    Reflect.deleteProperty(executor, 'withPlugin');
  }
}

/** An executor whose statements wait for savepoints of other code. */
class WaitingExecutor implements QueryExecutor {
  readonly #inner: QueryExecutor;
  readonly #levels: Levels;
  readonly #at: () => Level;

  constructor(inner: QueryExecutor, levels: Levels, at: () => Level) {
    this.#inner = inner;
    this.#levels = levels;
    this.#at = at;
  }

  get adapter(): QueryExecutor['adapter'] {
    return this.#inner.adapter;
  }

  get plugins(): QueryExecutor['plugins'] {
    return this.#inner.plugins;
  }

  transformQuery<T extends RootOperationNode>(node: T, queryId: QueryId): T {
    return this.#inner.transformQuery(node, queryId);
  }

  compileQuery<R>(node: RootOperationNode, queryId: QueryId): CompiledQuery<R> {
    return this.#inner.compileQuery(node, queryId);
  }

  executeQuery<R>(query: CompiledQuery<R>, options?: AbortableQueryOptions): Promise<QueryResult<R>> {
    return this.#levels.statement(this.#at(), async () => {
      refuseControl(query.sql, 'use `savepoint`, which takes its events with it');
      return this.#inner.executeQuery(query, options);
    });
  }

  provideConnection<T>(...given: Parameters<QueryExecutor['provideConnection']>): Promise<T> {
    return this.#levels.statement(this.#at(), () => this.#inner.provideConnection(...given) as Promise<T>);
  }

  async *stream<R>(query: CompiledQuery<R>, ...rest: StreamRest): AsyncIterableIterator<QueryResult<R>> {
    const leave = await this.#levels.enter(this.#at());
    try {
      yield* this.#inner.stream(query, ...rest);
    } finally {
      leave();
    }
  }

  withConnectionProvider(provider: ConnectionProvider): QueryExecutor {
    return this.#around(this.#inner.withConnectionProvider(provider));
  }

  withPlugin(plugin: KyselyPlugin): QueryExecutor {
    return this.#around(this.#inner.withPlugin(plugin));
  }

  withPlugins(plugins: readonly KyselyPlugin[]): QueryExecutor {
    return this.#around(this.#inner.withPlugins(plugins));
  }

  withPluginAtFront(plugin: KyselyPlugin): QueryExecutor {
    return this.#around(this.#inner.withPluginAtFront(plugin));
  }

  withoutPlugins(): QueryExecutor {
    return this.#around(this.#inner.withoutPlugins());
  }

  #around(executor: QueryExecutor): QueryExecutor {
    return new WaitingExecutor(executor, this.#levels, this.#at);
  }
}

type StreamRest = Parameters<QueryExecutor['stream']> extends [unknown, ...infer Rest] ? Rest : never;
