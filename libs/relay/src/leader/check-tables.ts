import type { Executor } from '@convergekit/postgres';
import { ConvergeError } from '@convergekit/core';
import { sqlState } from '@convergekit/postgres/engine';

/** Rejects, with what to do, where the tables of a relay are missing or its login may not read them. */
export async function checkTables(executor: Executor): Promise<void> {
  try {
    await executor.query('select from converge.relay_source, converge.source, converge.lease limit 1');
  } catch (error) {
    throw refusal(error);
  }
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
        "the relay's login has no rights on its tables: run `converge roles relay --to <login>` through psql, as their owner; or run the relay beside the service, with a login of its own (`relay: false` of service())",
        { code: 'RELAY_RIGHTS_MISSING', ...as },
      );
    default:
      return error;
  }
}
