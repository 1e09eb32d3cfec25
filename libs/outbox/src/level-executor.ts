import type { CompiledQuery, ConnectionProvider, KyselyPlugin, QueryExecutor, Transaction } from 'kysely';
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
    value: () => waitForSavepoints(executor, levels, at),
  });
  try {
    return tx.withPlugin(plugin);
  } finally {
    Reflect.deleteProperty(executor, 'withPlugin');
  }
}

function waitForSavepoints(inner: QueryExecutor, levels: Levels, at: () => Level): QueryExecutor {
  const around = (executor: QueryExecutor): QueryExecutor => waitForSavepoints(executor, levels, at);
  return {
    get adapter() {
      return inner.adapter;
    },
    get plugins() {
      return inner.plugins;
    },
    transformQuery: (node, queryId) => inner.transformQuery(node, queryId),
    compileQuery: (node, queryId) => inner.compileQuery(node, queryId),
    executeQuery: (query, options) => levels.statement(at(), () => inner.executeQuery(query, options)),
    provideConnection: (consumer, options) =>
      levels.statement(at(), () => inner.provideConnection(consumer, options)),
    async *stream<R>(query: CompiledQuery<R>, ...rest: StreamRest) {
      const leave = await levels.enter(at());
      try {
        yield* inner.stream(query, ...rest);
      } finally {
        leave();
      }
    },
    withConnectionProvider: (provider: ConnectionProvider) => around(inner.withConnectionProvider(provider)),
    withPlugin: (plugin) => around(inner.withPlugin(plugin)),
    withPlugins: (plugins) => around(inner.withPlugins(plugins)),
    withPluginAtFront: (plugin) => around(inner.withPluginAtFront(plugin)),
    withoutPlugins: () => around(inner.withoutPlugins()),
  };
}

type StreamRest = Parameters<QueryExecutor['stream']> extends [unknown, ...infer Rest] ? Rest : never;
