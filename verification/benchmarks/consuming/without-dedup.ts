import type { Database } from '@converge/postgres';

/** What only the first statement of a slice has, which sets its limits and moves the fence and the watermark. */
const OPENS = 'insert into converge.inbox_watermark';

/** What is left of it: the limits, from the first four of its values. */
const LIMITS = `
  select set_config('idle_in_transaction_session_timeout', $1, true), set_config('lock_timeout', $2, true),
         set_config('statement_timeout', $3, true), set_config('transaction_timeout', $4, true)`;

interface Statement {
  text: string;
  values: unknown[];
}

/**
 * From now on the fence and the watermark are said to have moved and do not; all else is as it was. For comparison only.
 * A consumer on it must not look after operators (`watchMs`): it would find its partitions where they began, take that
 * for a replay and handle everything again.
 */
export function withoutDedup({ pool }: Pick<Database, 'pool'>): void {
  pool.on('connect', (client) => {
    const query = client.query.bind(client) as (...given: unknown[]) => unknown;
    const changed = (first: unknown, ...rest: unknown[]): unknown => {
      if (isStatement(first) && first.text.includes(OPENS)) {
        first.text = LIMITS;
        first.values = first.values.slice(0, 4);
      }
      return query(first, ...rest);
    };
    client.query = changed as typeof client.query;
  });
}

/** The first statement of a transaction goes out as an object of pg's, together with BEGIN. */
function isStatement(given: unknown): given is Statement {
  return typeof given === 'object' && given !== null && 'text' in given && typeof given.text === 'string';
}
