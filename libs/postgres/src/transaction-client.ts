import type { Transaction } from 'kysely';
import type { PoolClient } from 'pg';
import { connectionOf } from './after-commit.ts';
import { askClient } from './ask-client.ts';
import { controlRefused } from './errors.ts';
import type { CallStatements } from './guard/call-statements.ts';
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
 * Wraps a client for a call of code in a transaction, whose statements it sends. The client's guard sees the text of every
 * statement. The client is not given back by it.
 */
export function checkedClient(client: PoolClient, statements: CallStatements): TransactionClient {
  const send = client.query.bind(client) as unknown as (...given: readonly unknown[]) => unknown;
  const guard = guardOfClient(client);
  const query = (...given: readonly unknown[]): unknown => {
    const at = given.findLastIndex((one) => typeof one === 'function');
    const settle = given[at] as Settle | undefined;
    let text: string;
    try {
      text = textOf(given[0]);
      statements.check();
      guard.check(text, valuesOf(given));
    } catch (error) {
      if (settle === undefined)
        return Promise.reject(error instanceof Error ? error : new Error(String(error)));
      process.nextTick(settle, error);
      return undefined;
    }
    // What has a `submit`, such as a stream, is not a statement with one answer.
    if (typeof (given[0] as { submit?: unknown }).submit === 'function') return send(...given);
    if (settle === undefined) return statements.run(text, () => send(...given) as Promise<unknown>);
    const sent = statements.run(
      text,
      () =>
        new Promise((resolve, reject) => {
          const answered: Settle = (error, result) => (error ? reject(error) : resolve(result));
          send(...given.with(at, answered));
        }),
    );
    sent.then((result) => settle(null, result), settle);
    return undefined;
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

type Settle = (error: Error | null, result?: unknown) => void;

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
