import type { Transaction } from 'kysely';
import type { PoolClient } from 'pg';
import { connectionOf } from './after-commit.ts';
import { askClient } from './ask-client.ts';
import { controlRefused } from './errors.ts';
import { guardOfClient } from './guard/transaction-guard.ts';

/** pg's client while it is in a transaction of the kit: for an ORM that takes a client. */
export type TransactionClient = PoolClient;

/**
 * Returns the client of a transaction, which has begun then; undefined on a pool that `connect` did not make. Statements
 * through it and through `tx` run in the order in which they are sent.
 */
export async function clientOf<DB>(tx: Transaction<DB>): Promise<PoolClient | undefined> {
  // The statement is sent: BEGIN goes with the first one, and must not come after what the caller sends.
  return askClient(await connectionOf(tx), true);
}

/**
 * Wraps a client for code that runs in a transaction. `check`, which may throw, and the client's guard see the text of every
 * statement. The client is not given back by it.
 */
export function checkedClient(client: PoolClient, check: () => void): TransactionClient {
  const send = client.query.bind(client) as unknown as (...given: readonly unknown[]) => unknown;
  const guard = guardOfClient(client);
  const query = (...given: readonly unknown[]): unknown => {
    try {
      check();
      guard.check(textOf(given[0]), valuesOf(given));
    } catch (error) {
      const settle = given.findLast((one) => typeof one === 'function');
      if (settle === undefined)
        return Promise.reject(error instanceof Error ? error : new Error(String(error)));
      process.nextTick(settle, error);
      return undefined;
    }
    return send(...given);
  };
  const own: Readonly<Record<PropertyKey, unknown>> = {
    query,
    release: () => undefined,
    end: () => Promise.resolve(),
  };
  return new Proxy(client, {
    get: (target, name) => (Object.hasOwn(own, name) ? own[name] : (Reflect.get(target, name) as unknown)),
  });
}

/** The text of what pg sends: a text, an object with one, or a stream with a cursor. One that cannot be read is refused. */
function textOf(config: unknown): string {
  if (typeof config === 'string') return config;
  const { text, cursor } = config as {
    readonly text?: unknown;
    readonly cursor?: { readonly text?: unknown };
  };
  const found = text ?? cursor?.text;
  if (typeof found === 'string') return found;
  throw controlRefused('a statement whose text cannot be read');
}

function valuesOf([config, values]: readonly unknown[]): readonly unknown[] {
  const given = Array.isArray(values) ? (values as unknown[]) : (config as { values?: unknown }).values;
  return Array.isArray(given) ? (given as unknown[]) : [];
}
