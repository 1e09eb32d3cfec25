import type { Executor, ExecutorResult } from '@convergekit/postgres';
import { noTransaction } from './no-transaction.ts';
import { piecesOf } from './placeholders.ts';

/** The part of Knex's transaction that is used. */
export interface KnexTransaction {
  readonly isTransaction?: boolean | undefined;
  raw(text: string, bindings: readonly unknown[]): PromiseLike<unknown>;
}

export function fromKnex(trx: KnexTransaction): Executor {
  if (trx.isTransaction !== true)
    throw noTransaction('a Knex instance', 'the trx of knex.transaction(async (trx) => …)');
  return {
    query: async <R>(text: string, values: readonly unknown[] = []): Promise<ExecutorResult<R>> => {
      const { texts, order } = piecesOf(text);
      // Knex writes `?` for a value, and `\?` for the character.
      const asked = texts.map((one) => one.replaceAll('?', '\\?')).join('?');
      const answer = (await trx.raw(
        asked,
        order.map((at) => values[at]),
      )) as KnexResult;
      return { rows: answer.rows as R[], rowCount: answer.rowCount ?? answer.rows.length };
    },
  };
}

/** The result of pg, which Knex passes on. */
interface KnexResult {
  readonly rows: unknown[];
  readonly rowCount: number | null;
}
