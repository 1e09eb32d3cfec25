import { createHash } from 'node:crypto';
import type { IncomingRecord } from '@convergekit/broker/engine';
import type { Envelope } from '@convergekit/contracts/engine';
import type { Executor } from '@convergekit/postgres';
import { type GivenColumns, givenRows } from '@convergekit/postgres/engine';
import { placeColumns } from './fence-sql.ts';
import { envelopeOf, type Step } from '../plan/plan.ts';
import { InboxError } from '../errors.ts';

/** A foreign event, and its last record. */
export interface ForeignRecord extends Pick<IncomingRecord, 'topic' | 'partition' | 'offset'> {
  readonly identity: Buffer;
  readonly payloadHash: Buffer;
  readonly eventId: string;
}

/**
 * Drops repeats among the events without a position of a known source, by one row each. A repeated id with another payload is
 * two events that claim to be one: it becomes a dead letter, never a silent skip.
 */
export async function withoutRepeats<DB>(
  tx: Executor,
  consumer: string,
  steps: readonly Step<DB>[],
): Promise<readonly Step<DB>[]> {
  const foreign = new Map<Step<DB>, ForeignRecord>();
  for (const step of steps) {
    const envelope = foreignEnvelope(step);
    if (envelope !== undefined) foreign.set(step, identify(envelope, step.record));
  }
  if (foreign.size === 0) return steps;
  const byHex = Map.groupBy(foreign.values(), ({ identity }) => identity.toString('hex'));
  const known = await recordForeign(
    tx,
    consumer,
    [...byHex.values()].flatMap((same) => same.at(-1) ?? []),
  );
  return steps.map((step) => {
    const event = foreign.get(step);
    if (event === undefined) return step;
    const hex = event.identity.toString('hex');
    const first = byHex.get(hex)?.[0];
    const hash = known.get(hex) ?? (first === event ? undefined : first?.payloadHash);
    if (hash === undefined) return step;
    return hash.equals(event.payloadHash) ? repeat(step) : reused(step);
  });
}

function foreignEnvelope<DB>(step: Step<DB>): Envelope | undefined {
  return step.kind !== 'skip' && step.foreign ? envelopeOf(step) : undefined;
}

/** Hashes the identity of a foreign event. Its id is unique only with its source, and may be too long for an index. */
export function identityHash({ source, id }: Pick<Envelope, 'source' | 'id'>): Buffer {
  return createHash('sha256').update(`${source.length}:${source}${id}`).digest();
}

function identify(
  { id, source, payload }: Envelope,
  { topic, partition, offset }: IncomingRecord,
): ForeignRecord {
  const payloadHash = createHash('sha256').update(payload).digest();
  return { identity: identityHash({ source, id }), payloadHash, eventId: id, topic, partition, offset };
}

function repeat<DB>({ record, mark }: Step<DB>): Step<DB> {
  return { record, mark, kind: 'skip', why: 'duplicate' };
}

function reused<DB>(step: Step<DB>): Step<DB> {
  const envelope = foreignEnvelope(step);
  const error = new InboxError(
    'FOREIGN_ID_REUSED',
    `source ${envelope?.source ?? ''} sent id ${envelope?.id ?? ''} before, with another payload: two events claim to be one; have the producer give each its own id`,
    { category: 'data' },
  );
  return { record: step.record, mark: step.mark, kind: 'refuse', envelope, foreign: true, error };
}

const recordColumns: GivenColumns<Pick<ForeignRecord, 'identity' | 'topic' | 'partition' | 'offset'>> = {
  identity: ['bytea', ({ identity }) => identity],
  ...placeColumns,
  record_offset: ['bigint', ({ offset }) => `${offset}`],
};

/**
 * Inserts in the order of the identities, so that two partitions with the same events wait for each other without deadlock.
 * `on conflict` names no index: a second unique index would fail the slice instead of making it wait.
 */
const insertion = givenRows<ForeignRecord>(
  {
    ...recordColumns,
    payload_hash: ['bytea', ({ payloadHash }) => payloadHash],
    event_id: ['text', ({ eventId }) => eventId],
  },
  (given) => `
  insert into converge.inbox_foreign (consumer, identity, topic, partition, record_offset, payload_hash, event_id)
  select $7, f.identity, f.topic, f.partition, f.record_offset, f.payload_hash, f.event_id
    from (${given}) as f order by f.identity
  on conflict do nothing
  returning identity`,
);

// A row stays as long as its record is in the log, so a repeat moves it there, and an earlier record that is read again not back.
// Rows are locked in the same order.
const moving = givenRows(
  recordColumns,
  (given) => `
  with given as materialized (${given}),
  known as materialized (
    select f.identity, r.topic, r.partition, r.record_offset
      from given r join converge.inbox_foreign f on f.consumer = $5 and f.identity = r.identity
     order by f.identity for no key update of f)
  update converge.inbox_foreign f set topic = r.topic, partition = r.partition,
    record_offset = case when (f.topic, f.partition) = (r.topic, r.partition) then greatest(f.record_offset, r.record_offset) else r.record_offset end
    from known r where f.consumer = $5 and f.identity = r.identity
  returning f.identity, f.payload_hash`,
);

/** Records events with distinct identities. Returns the recorded payload hash of those known before. */
export async function recordForeign(
  tx: Executor,
  consumer: string,
  events: readonly ForeignRecord[],
): Promise<ReadonlyMap<string, Buffer>> {
  const { rows } = await tx.query<{ identity: Buffer }>(...insertion(events, consumer));
  const added = new Set(rows.map(({ identity }) => identity.toString('hex')));
  const known = events.filter(({ identity }) => !added.has(identity.toString('hex')));
  if (known.length === 0) return new Map();
  const found = await tx.query<{ identity: Buffer; payload_hash: Buffer }>(...moving(known, consumer));
  const hashes = new Map(found.rows.map((row) => [row.identity.toString('hex'), row.payload_hash]));
  // A row that was old enough may leave between the two statements.
  const gone = known.filter(({ identity }) => !hashes.has(identity.toString('hex')));
  if (gone.length === 0) return hashes;
  return new Map([...hashes, ...(await recordForeign(tx, consumer, gone))]);
}
