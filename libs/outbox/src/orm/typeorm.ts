import type { Executor, ExecutorResult } from '@convergekit/postgres';
import { noTransaction } from './no-transaction.ts';

/** The part of TypeORM's entity manager that is used. */
export interface TypeOrmManager {
  readonly queryRunner?: TypeOrmRunner | undefined;
}

interface TypeOrmRunner {
  readonly isTransactionActive: boolean;
  query(text: string, values: unknown[], structured: true): Promise<TypeOrmResult>;
}

interface TypeOrmResult {
  readonly records: unknown[];
  readonly affected?: number | null | undefined;
}

export function fromTypeOrm({ queryRunner }: TypeOrmManager): Executor {
  if (queryRunner?.isTransactionActive !== true)
    throw noTransaction('an entity manager', 'the manager of dataSource.transaction(async (manager) => …)');
  return {
    query: async <R>(text: string, values: readonly unknown[] = []): Promise<ExecutorResult<R>> => {
      const { records, affected } = await queryRunner.query(text, [...values], true);
      return { rows: records as R[], rowCount: affected ?? records.length };
    },
  };
}
