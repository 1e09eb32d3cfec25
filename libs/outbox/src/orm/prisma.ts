import type { Executor, ExecutorResult } from '@convergekit/postgres';
import { noTransaction } from './no-transaction.ts';

/** The part of Prisma's transaction client that is used. */
export interface PrismaTransaction {
  $queryRawUnsafe(text: string, ...values: unknown[]): PromiseLike<unknown>;
}

/** For statements that return rows, as `append` sends: Prisma does not say how many rows another one changed. */
export function fromPrisma(tx: PrismaTransaction): Executor {
  // Prisma takes `$connect` away from the client of an interactive transaction.
  if ('$connect' in tx && tx.$connect !== undefined)
    throw noTransaction('a PrismaClient', 'the tx of prisma.$transaction(async (tx) => …)');
  return {
    query: async <R>(text: string, values: readonly unknown[] = []): Promise<ExecutorResult<R>> => {
      const rows = (await tx.$queryRawUnsafe(text, ...values)) as R[];
      return { rows, rowCount: rows.length };
    },
  };
}
