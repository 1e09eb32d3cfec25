import {
  comparePositions,
  formatPosition,
  type Position,
  SPEC_VERSION,
  START,
  WIRE,
} from '@convergekit/contracts/engine';
import { type Assignment, partitionOf } from '@convergekit/broker/engine';
import { readSource } from '@convergekit/outbox/engine';
import type { Executor } from '@convergekit/postgres';
import { sqlState } from '@convergekit/postgres/engine';
import { ConvergeError } from '@convergekit/core';
import { firstToSee, type Tick } from '../window/tick.ts';
import { readLowestId, readTicks } from '../window/window-sql.ts';
import { readTopic } from '../topics/topic-sql.ts';
import { type MissingRow, readLowestKept, readRange } from './missing-sql.ts';

export interface MissingRequest extends Assignment {
  readonly source: { readonly id: string; readonly name: string };
  /** The last present and the last missing event: the latter is the predecessor that the next event names. */
  readonly after: Position;
  readonly upTo: Position;
  /** Events at most. @default 100_000 */
  readonly limit?: number;
}

export interface MissingEvent {
  readonly position: Position;
  readonly key: string;
  /** The headers as in the log. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly payload: string;
  readonly timestampMs: number;
}

const PAGE = 2_000;

/**
 * Reads the events of a partition between two positions, as the relay would have written them. The read rejects rather
 * than leave an event out: the last event must be `upTo`, with ticks and children in place from `after` on. (A change
 * of the partition count within the range is not known here: then the read usually does not end at `upTo`.)
 */
export async function readMissing(
  executor: Executor,
  request: MissingRequest,
): Promise<readonly MissingEvent[]> {
  const { topic, partition, after, upTo, source, limit = 100_000 } = request;
  await requireSource(executor, source);
  const { partitions } = (await readTopic(executor, topic)) ?? {};
  if (partitions === undefined || partition >= partitions)
    throw refused(`this source has no partition ${partition} of ${topic} on record`);
  const ticks = await ticksOf(executor, after, upTo);
  const placed: { readonly row: MissingRow; readonly position: Position; readonly nonce: string }[] = [];
  for await (const row of rowsOf(executor, topic, ticks)) {
    if (partitionOf(row.key, partitions) !== partition) continue;
    const tick = firstToSee(ticks, BigInt(row.xid));
    if (tick === undefined)
      throw new RangeError(`event ${row.event_id} is in none of the windows that it was read for`);
    const position = { epoch: tick.epoch, tick: tick.number, id: BigInt(row.id) };
    if (comparePositions(position, after) <= 0 || comparePositions(position, upTo) > 0) continue;
    placed.push({ row, position, nonce: tick.nonce });
    if (placed.length > limit) throw refused(`more than ${limit} events are missing: raise the limit`);
  }
  placed.sort((a, b) => comparePositions(a.position, b.position));
  if (comparePositions(placed.at(-1)?.position ?? START, upTo) !== 0)
    throw refused(
      `the outbox does not end at ${formatPosition(upTo)}: it went back, or the partition count of ${topic} was changed`,
    );
  let prev = after;
  return placed.map(({ row, position, nonce }) => {
    const headers = headersOf(row, source, formatPosition(position, nonce), formatPosition(prev));
    prev = position;
    return { position, key: row.key, headers, payload: row.payload, timestampMs: row.created_ms };
  });
}

async function requireSource(executor: Executor, wanted: MissingRequest['source']): Promise<void> {
  const { id, name } = await readSource(executor);
  if (id !== wanted.id)
    throw refused(
      `this database is source ${name} (${id}), and what is missing is of ${wanted.name} (${wanted.id})`,
    );
}

/** Reads the ticks of the range and the one before it, without a hole. */
async function ticksOf(executor: Executor, after: Position, upTo: Position): Promise<readonly Tick[]> {
  if (after.epoch !== upTo.epoch)
    throw refused(
      `the range goes over the beginning of epoch ${upTo.epoch}, which is not read again; where the log has these events, \`converge consumers replay … --after ${formatPosition(after)}\` handles them`,
    );
  // Events of the tick of `after` may be missing, too; tick 0 is before everything.
  const from = after.tick > 0n ? after.tick - 1n : 0n;
  const count = Number(upTo.tick - from) + 1;
  const ticks = await readTicks(executor, from, count);
  const whole = ticks.length === count && ticks[0]?.number === from && ticks.at(-1)?.number === upTo.tick;
  if (!whole) throw refused('the ticks of the range are not kept any more');
  const [previous] = ticks;
  if (previous !== undefined && (await readLowestKept(executor)) > (await readLowestId(executor, previous)))
    throw refused('events of the range were dropped by retention');
  return ticks;
}

async function* rowsOf(
  executor: Executor,
  topic: string,
  ticks: readonly Tick[],
): AsyncGenerator<MissingRow> {
  const [previous, last] = [ticks[0], ticks.at(-1)];
  if (previous === undefined || last === undefined) return;
  const ceil = ticks.reduce((most, tick) => (tick.ceil > most ? tick.ceil : most), 0n);
  const lowest = await readLowestId(executor, previous);
  const read = { topic, previous, tick: { ...last, ceil }, lowest };
  for (let after = lowest - 1n; ;) {
    const rows = await readRange(executor, read, after, PAGE);
    yield* rows;
    const end = rows.at(-1);
    if (end === undefined || rows.length < PAGE) return;
    after = BigInt(end.id);
  }
}

function headersOf(
  row: MissingRow,
  source: MissingRequest['source'],
  position: string,
  prev: string,
): MissingEvent['headers'] {
  const stored = Object.entries(JSON.parse(row.headers) as Record<string, string>);
  const typed = stored.some(([name]) => name === WIRE.contentType);
  return [
    [WIRE.specVersion, SPEC_VERSION],
    [WIRE.id, row.event_id],
    [WIRE.source, source.name],
    [WIRE.sourceId, source.id],
    [WIRE.type, row.type],
    [WIRE.time, new Date(row.created_ms).toISOString()],
    [WIRE.subject, row.key],
    [WIRE.position, position],
    [WIRE.prev, prev],
    ...stored,
    ...(typed ? [] : [[WIRE.contentType, 'application/json'] as const]),
  ];
}

function refused(what: string): ConvergeError {
  return new ConvergeError(`the missing events cannot be read from this source: ${what}`, {
    code: 'RANGE_NOT_READABLE',
    category: 'data',
    certainty: 'not_applied',
  });
}

const keysSql = `select key from converge.keys_between($1, $2, $3, $4, $5) as key order by key`;

/** Reads the keys of missing events; undefined: the source no longer keeps them, or is another source. */
export async function keysBetween(
  executor: Executor,
  { source, topic, partition, after, upTo }: MissingRequest,
): Promise<readonly string[] | undefined> {
  const range = [topic, partition, formatPosition(after), formatPosition(upTo), source.id];
  try {
    return (await executor.query<{ key: string }>(keysSql, range)).rows.map(({ key }) => key);
  } catch (error) {
    if (sqlState(error) === 'P0002') return undefined;
    throw error;
  }
}
