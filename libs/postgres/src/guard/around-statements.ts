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

/** What is done around the statements of a transaction. */
export interface AroundStatements {
  /** Sees that a query is built. It may throw. */
  readonly built?: () => void;
  readonly run: <T>(text: string, send: () => Promise<T>) => Promise<T>;
  /** Runs what takes the connection, as a statement does inside `run`. @default as it is */
  readonly connected?: <T>(use: () => Promise<T>) => Promise<T>;
  /** Sees that a stream begins. The result is called at its end. */
  readonly stream: (text: string) => Promise<() => void>;
}

/** Wraps a transaction: its statements, with and without plugins, run as `around` says. */
export function aroundStatements<DB>(tx: Transaction<DB>, around: AroundStatements): Transaction<DB> {
  const executor = tx.getExecutor();
  const plugin: KyselyPlugin = {
    transformQuery: ({ node }) => node,
    transformResult: ({ result }) => Promise.resolve(result),
  };
  // Kysely changes a transaction's executor only by the result of the present one's `withPlugin`.
  Object.defineProperty(executor, 'withPlugin', {
    configurable: true,
    value: () => new AroundExecutor(executor, around),
  });
  try {
    return tx.withPlugin(plugin);
  } finally {
    Reflect.deleteProperty(executor, 'withPlugin');
  }
}

class AroundExecutor implements QueryExecutor {
  readonly #inner: QueryExecutor;
  readonly #around: AroundStatements;

  constructor(inner: QueryExecutor, around: AroundStatements) {
    this.#inner = inner;
    this.#around = around;
  }

  get adapter(): QueryExecutor['adapter'] {
    return this.#inner.adapter;
  }

  get plugins(): QueryExecutor['plugins'] {
    return this.#inner.plugins;
  }

  transformQuery<T extends RootOperationNode>(node: T, queryId: QueryId): T {
    this.#around.built?.();
    return this.#inner.transformQuery(node, queryId);
  }

  compileQuery<R>(node: RootOperationNode, queryId: QueryId): CompiledQuery<R> {
    return this.#inner.compileQuery(node, queryId);
  }

  executeQuery<R>(query: CompiledQuery<R>, options?: AbortableQueryOptions): Promise<QueryResult<R>> {
    return this.#around.run(query.sql, () => this.#inner.executeQuery(query, options));
  }

  provideConnection<T>(...given: Parameters<QueryExecutor['provideConnection']>): Promise<T> {
    const use = (): Promise<T> => this.#inner.provideConnection(...given) as Promise<T>;
    return this.#around.connected === undefined ? use() : this.#around.connected(use);
  }

  async *stream<R>(query: CompiledQuery<R>, ...rest: StreamRest): AsyncIterableIterator<QueryResult<R>> {
    const leave = await this.#around.stream(query.sql);
    try {
      yield* this.#inner.stream(query, ...rest);
    } finally {
      leave();
    }
  }

  withConnectionProvider(provider: ConnectionProvider): QueryExecutor {
    return this.#again(this.#inner.withConnectionProvider(provider));
  }

  withPlugin(plugin: KyselyPlugin): QueryExecutor {
    return this.#again(this.#inner.withPlugin(plugin));
  }

  withPlugins(plugins: readonly KyselyPlugin[]): QueryExecutor {
    return this.#again(this.#inner.withPlugins(plugins));
  }

  withPluginAtFront(plugin: KyselyPlugin): QueryExecutor {
    return this.#again(this.#inner.withPluginAtFront(plugin));
  }

  withoutPlugins(): QueryExecutor {
    return this.#again(this.#inner.withoutPlugins());
  }

  #again(executor: QueryExecutor): QueryExecutor {
    return new AroundExecutor(executor, this.#around);
  }
}

type StreamRest = Parameters<QueryExecutor['stream']> extends [unknown, ...infer Rest] ? Rest : never;
