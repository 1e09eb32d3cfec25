import type { PoolClient, QueryResult } from 'pg';
import { type CopyExecutor, copyExecutorOfClient } from './copy-binary.ts';
import { resultOf } from './executor.ts';
import { ownBegin, ownOpening, sessionStatement } from './settings.ts';
import { batch, type Statement } from './statement-batch.ts';
import type { TupleBlock } from './tuples.ts';

/**
 * Reserves a connection for the kit's own statements, with all settings that the kit depends on.
 * Behind a pooler, which shares sessions between clients, each statement becomes a transaction that sets them locally.
 * Close the connection at the end instead of releasing it.
 */
export async function ownSession(client: PoolClient): Promise<CopyExecutor> {
  const plain = copyExecutorOfClient(client);
  const announced: unknown = 'processID' in client ? client.processID : undefined;
  if (typeof announced === 'number') {
    const { text, valuesFor } = sessionStatement;
    const { rows } = await plain.query<{ done: string }>(text, valuesFor(announced));
    if (rows[0]?.done !== '0') return plain;
  }
  return {
    query: async (text, values = []) => resultOf(await inTransaction(client, { text, values })),
    copy: (select) => copyInTransaction(client, plain, select),
  };
}

const opening: readonly Statement[] = [
  { text: ownBegin(), values: [] },
  { text: ownOpening(), values: [] },
];

/** Queues both statements at once, so that other users of the connection cannot interleave. COMMIT after an error rolls back. */
async function inTransaction(client: PoolClient, statement: Statement): Promise<QueryResult> {
  const answered = batch((query) => void client.query(query), [...opening, statement]);
  const [answer, ended] = await Promise.allSettled([answered, client.query('commit')]);
  if (answer.status === 'rejected') throw answer.reason;
  if (ended.status === 'rejected') throw ended.reason;
  return answer.value.at(-1) as QueryResult;
}

function copyInTransaction(
  client: PoolClient,
  plain: CopyExecutor,
  select: string,
): AsyncIterableIterator<TupleBlock> {
  const begun = batch((query) => void client.query(query), opening);
  const copy = plain.copy(select);
  const ended = Promise.allSettled([begun, client.query('commit')]);
  return (async function* () {
    try {
      yield* copy;
    } finally {
      await ended;
    }
  })();
}
