import type { Executor } from '@convergekit/postgres';
import { ConvergeError } from '@convergekit/core';
import { readSource } from '@convergekit/outbox/engine';
import { sqlState } from '@convergekit/postgres/engine';

/** Rejects, with what to do, where the tables of a relay are missing or its login may not read them. */
export async function checkTables(executor: Executor): Promise<void> {
  try {
    await executor.query('select from converge.relay_source, converge.source, converge.lease limit 1');
  } catch (error) {
    throw refusal(error);
  }
}

/** Rejects: rows that the first migration wrote were deleted by hand, and no later migration writes them again. */
export async function rejectMissingRows(executor: Executor): Promise<never> {
  await readSource(executor);
  const { rowCount } = await executor.query('select from converge.relay_source');
  const text =
    rowCount === 0
      ? 'converge.relay_source has no row: it was deleted by hand. As the owner of the tables: `insert into converge.relay_source (done_tick) select min(number) from converge.tick`; what was published is not sent again. Nothing is published until then'
      : 'converge.tick lacks the tick that converge.relay_source names: rows were deleted by hand, and what is not published is not known any more. Restore this database to a time before that; nothing is published until then';
  throw new ConvergeError(text, {
    code: 'RELAY_ROWS_MISSING',
    category: 'configuration',
    certainty: 'not_applied',
  });
}

function refusal(error: unknown): unknown {
  const as = { category: 'configuration', certainty: 'not_applied', cause: error } as const;
  switch (sqlState(error)) {
    case '42P01':
      return new ConvergeError(
        'the tables of outbox and relay are missing in this database: run `converge migrate`',
        { code: 'SCHEMA_MISSING', ...as },
      );
    case '42501':
      return new ConvergeError(
        "the relay's login has no rights on its tables: run `converge roles relay --to <login>` through psql, as their owner; or run the relay beside the service, with a login of its own (`relay: false` of defineService())",
        { code: 'RELAY_RIGHTS_MISSING', ...as },
      );
    default:
      return error;
  }
}
