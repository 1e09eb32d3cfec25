import { Query } from 'pg';

/** What only the first statement of a slice has, which sets its limits and moves the fence and the watermark. */
const OPENS = 'insert into converge.inbox_watermark';

/** What is left of it: the limits, from the first four of its values. */
const LIMITS = `
  select set_config('idle_in_transaction_session_timeout', $1, true), set_config('lock_timeout', $2, true),
         set_config('statement_timeout', $3, true), set_config('transaction_timeout', $4, true)`;

/** What pg has and its types leave out: every statement with values comes past here, alone or in a batch. */
interface Prepared {
  text: string;
  values: unknown[];
  prepare: (this: Prepared, connection: unknown) => void;
}

/**
 * From now on, in this process, the fence and the watermark are said to have moved and do not; all else is as it was.
 * For comparison only. A consumer on it must not look after operators (`watchMs`): it would find its partitions where
 * they began, take that for a replay and handle everything again. Gives what ends it.
 */
export function withoutDedup(): () => void {
  const prototype = Query.prototype as unknown as Prepared;
  const { prepare } = prototype;
  prototype.prepare = function (this: Prepared, connection) {
    if (this.text.includes(OPENS)) {
      this.text = LIMITS;
      this.values = this.values.slice(0, 4);
    }
    prepare.call(this, connection);
  };
  return () => {
    prototype.prepare = prepare;
  };
}
