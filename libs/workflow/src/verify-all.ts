import type { Executor } from '@convergekit/postgres';
import { namesSql } from '@convergekit/effects/engine';
import { StackError } from './errors.ts';
import { readStack } from './operate-sql.ts';
import { type StackRecord, type StackVerdict, verifyStack } from './verify.ts';

const PAGE = 500;

// By the primary key, page by page; one id under each name of a stack that there is.
const pageSql = `
  select stack, id from converge.saga_stack where (stack, id) > ($1, $2) order by stack, id limit ${PAGE}`;
const oneSql = `
  select stack, id from converge.saga_stack where id = $1 and stack = any (array(${namesSql('saga_stack')}))`;

type Named = Pick<StackRecord, 'stack' | 'id'>;

/** Replays the journals of all stacks of a database, or of those with this id, against their rows. */
export async function* verifyStacks(
  executor: Executor,
  id?: string,
): AsyncGenerator<Named & Pick<StackVerdict, 'issues'>> {
  for await (const named of id === undefined
    ? all(executor)
    : (await executor.query<Named>(oneSql, [id])).rows) {
    const record = await readStack(executor, named.stack, named.id).catch(gone);
    if (record !== undefined) yield { ...named, issues: verifyStack(record).issues };
  }
}

async function* all(executor: Executor): AsyncGenerator<Named> {
  let after: Named = { stack: '', id: '' };
  for (;;) {
    const { rows } = await executor.query<Named>(pageSql, [after.stack, after.id]);
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE) return;
    after = last;
  }
}

/** One that ended long ago may be forgotten meanwhile. */
function gone(error: unknown): undefined {
  if (error instanceof StackError && error.code === 'STACK_NOT_FOUND') return undefined;
  throw error;
}
