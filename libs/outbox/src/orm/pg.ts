import type { Executor } from '@convergekit/postgres';
import { executorOfClient } from '@convergekit/postgres/engine';
import { noTransaction } from './no-transaction.ts';

/** The part of a client of `pg` that is used. */
export type PgClient = Parameters<typeof executorOfClient>[0] & {
  /** `I`: idle, so no transaction is open. Older versions of pg do not have it. */
  getTransactionStatus?(): string | null;
  /** Only a pool has it. */
  readonly totalCount?: number;
};

export function fromPg(client: PgClient): Executor {
  if (client.totalCount !== undefined)
    throw noTransaction('a pool of pg', 'a client of pool.connect(), between BEGIN and COMMIT');
  if (client.getTransactionStatus?.() === 'I')
    throw noTransaction('an idle client of pg', 'a client between BEGIN and COMMIT');
  return executorOfClient(client);
}
