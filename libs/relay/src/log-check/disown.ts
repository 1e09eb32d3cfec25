import { formatPosition } from '@convergekit/contracts/engine';
import type { Admin, PlaceOffset } from '@convergekit/broker/engine';
import { readSource } from '@convergekit/outbox/engine';
import type { Executor } from '@convergekit/postgres';
import { type Operator, recordActSql } from '@convergekit/postgres/operate';
import { ConvergeError } from '@convergekit/core';
import { readDatabase, readKnownTicks } from './facts-sql.ts';
import { doubtOf } from './judge.ts';
import { ownRecord, type OwnRecord } from './own-records.ts';
import { forgeryOf } from './reach.ts';

/** A record in this source's name that the database does not know, and why. */
export type SuspectRecord = OwnRecord & PlaceOffset & { readonly why: string };

/** Reads a record that an operator wants to disown. Rejects when it is not in this source's name, or fits the database. */
export async function readSuspect(
  executor: Executor,
  admin: Admin,
  { topic, partition, offset }: PlaceOffset,
): Promise<SuspectRecord> {
  const source = await readSource(executor);
  let found: OwnRecord | undefined;
  for await (const record of admin.read(topic, partition, offset, offset + 1n, 'uncommitted'))
    found = ownRecord(record, source.id);
  if (found === undefined)
    throw refused(`${topic}/${partition} has no record in the name of this source at offset ${offset}`);
  const known = await readKnownTicks(executor, source.epoch, [found.position.tick]);
  const { reach } = await readDatabase(executor, source.epoch);
  const why =
    forgeryOf(found, reach) ??
    (found.position.epoch < source.epoch ? undefined : doubtOf(found.position, known));
  const position = formatPosition(found.position, found.position.nonce);
  if (why === undefined)
    throw refused(
      `the record at ${topic}/${partition} offset ${offset}, position ${position}, fits this database, so no relay is refused for it`,
    );
  return { ...found, topic, partition, why };
}

const disownSql = `
  with known as materialized (select topic, disowned from converge.relay_topic where topic = $1 for update),
  disowned as (
    update converge.relay_topic t set disowned = t.disowned || concat($2::int, '/', $3::bigint)
      from known where t.topic = known.topic and concat($2::int, '/', $3::bigint) <> all (known.disowned) returning t.topic
  ),
  recorded as (
    select ${recordActSql('source disown', {
      subject: 'topic',
      by: '$5',
      reason: '$4',
      before: `jsonb_build_object('partition', $2::int, 'offset', $3::bigint)`,
    })} from disowned
  )
  select (select count(*) from recorded)::int as recorded from known`;

/** Disowns a record: the log check skips it. A record that was disowned before leaves no second row in the audit. */
export async function disownRecord(
  executor: Executor,
  { topic, partition, offset }: PlaceOffset,
  { by, reason }: Operator,
): Promise<void> {
  const { rowCount } = await executor.query(disownSql, [topic, partition, offset.toString(), reason, by]);
  if (rowCount === 0) throw refused(`the relay of this database has never sent to ${topic}`);
}

function refused(text: string): ConvergeError {
  return new ConvergeError(
    `${text}: nothing was changed (\`converge source show\` lists what does not fit)`,
    { code: 'DISOWN_REFUSED', category: 'configuration', certainty: 'not_applied' },
  );
}
