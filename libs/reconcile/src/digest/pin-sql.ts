/** Settings on which the texts of values depend. Both sides hash under the same ones, whatever the defaults of a role. */
const PINNED = {
  TimeZone: 'UTC',
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  bytea_output: 'hex',
  extra_float_digits: '1',
  xmlbinary: 'base64',
  // A comparison must not take the cores of the critical path.
  max_parallel_workers_per_gather: '0',
  jit: 'off',
  // Groups are hashed: the planner expects few rows of reported keys, and would sort their texts.
  enable_sort: 'off',
  lock_timeout: '5s',
} as const;

/** The longest timeout that Postgres takes, in milliseconds. */
const MOST_MS = 2_147_483_647;

/** Pins the settings of a hash session for its transaction. */
export function pinSql(timeoutMs: number): string {
  const limits = {
    statement_timeout: String(timeoutMs),
    // A side waits in its transaction for a statement of the other one.
    idle_in_transaction_session_timeout: String(Math.min(2 * timeoutMs, MOST_MS)),
  };
  const settings = Object.entries({ ...PINNED, ...limits });
  return `select ${settings.map(([name, value]) => `set_config('${name}', '${value}', true)`).join(', ')}`;
}
