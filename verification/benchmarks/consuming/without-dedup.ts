import { Query } from 'pg';

/** Text of the first statement of a slice only, which sets limits and moves fences and watermarks. */
const OPENS = 'insert into converge.inbox_watermark';

/**
 * The rest of that statement: the limits, and the versions of the registered types, which the reader compares. From the first
 * seven of its values; those of one partition are plain.
 */
const LIMITS = `
  select set_config('idle_in_transaction_session_timeout', $1, true), set_config('lock_timeout', $2, true),
         set_config('statement_timeout', $3, true), set_config('transaction_timeout', $4, true),
         p.topic, p.partition, p.types_version as types
    from unnest($6::text[], $7::int[]) as m (topic, partition)
    join converge.inbox_partition p on p.consumer = $5 and p.topic = m.topic and p.partition = m.partition`;

/** The method of pg, missing in its types, that every statement with values passes, alone or in a batch. */
interface Prepared {
  text: string;
  values: unknown[];
  prepare: (this: Prepared, connection: unknown) => void;
}

/**
 * Makes the statements of this process report that fence and watermark moved, without moving them. For comparison only.
 * A consumer under it must not watch its partition rows (`watchMs`): it would find its partitions where they began,
 * take that for a replay and handle everything again. Returns the function that ends it.
 */
export function withoutDedup(): () => void {
  const prototype = Query.prototype as unknown as Prepared;
  const { prepare } = prototype;
  prototype.prepare = function (this: Prepared, connection) {
    if (this.text.includes(OPENS)) {
      this.text = LIMITS;
      const [topics, partitions] = this.values.slice(5, 7).map((value) => [value].flat());
      this.values = [...this.values.slice(0, 5), topics, partitions];
    }
    prepare.call(this, connection);
  };
  return () => {
    prototype.prepare = prepare;
  };
}
