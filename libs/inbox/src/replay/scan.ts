import { comparePositions, type Position } from '@convergekit/contracts/engine';
import { judge } from '../plan/judge.ts';
import { gapEnd } from '../plan/plan.ts';
import type { Reading } from '../plan/reading.ts';
import { identityHash } from '../slice/foreign-steps.ts';

/** The start of a replay: the first record of the log, of a time, or after a position. */
export type ReplayFrom =
  | { readonly kind: 'everything' }
  | { readonly kind: 'since'; readonly timeMs: number }
  | { readonly kind: 'after'; readonly position: Position };

/** The effects of a replay of one partition, collected record by record. */
export interface ReplayScan {
  /** The offset of the first record that is handled again; undefined when there is none. */
  offset: bigint | undefined;
  /** The predecessor of each source's first event from the start on, to which its watermark goes back. */
  readonly before: Map<string, Position>;
  /** The newest position of each epoch, by source. */
  readonly seen: Map<string, Map<number, Position>>;
  /** The gaps in the log, to which the consumer comes again. */
  readonly holes: Hole[];
  /** The identities of events without a position, for deduplication. */
  readonly foreign: Map<string, Buffer>;
  /** Events by type: each is handled again once, however often the log has it. */
  readonly events: Map<string, number>;
}

/** Events missing in the log, after `after`, up to the predecessor that the record at `offset` names. */
export interface Hole {
  readonly offset: bigint;
  readonly source: string;
  readonly after: Position;
  readonly upTo: Position;
}

export function newScan(): ReplayScan {
  return {
    offset: undefined,
    before: new Map(),
    seen: new Map(),
    holes: [],
    foreign: new Map(),
    events: new Map(),
  };
}

/** Adds one record to the scan. Changes nothing else. */
export function scanRecord(
  scan: ReplayScan,
  { record, claim, content }: Reading,
  from: ReplayFrom,
  pinned: ReadonlyMap<string, string>,
): void {
  const ours = claim !== undefined && pinned.has(claim.source) ? claim : undefined;
  if (scan.offset === undefined) {
    if (!begins(from, record.timestampMs, ours?.position)) return;
    scan.offset = record.offset;
  }
  const type = content.kind === 'envelope' ? content.envelope.type : undefined;
  if (ours !== undefined) {
    const { source, position } = ours;
    const before = scan.before.get(source) ?? gapEnd(ours);
    scan.before.set(source, before);
    const seen = scan.seen.get(source) ?? new Map([[before.epoch, before]]);
    scan.seen.set(source, seen);
    const verdict = judge(ours, seen, 'latest');
    if (verdict.kind === 'duplicate' || verdict.kind === 'superseded') return;
    if (verdict.kind === 'gap')
      scan.holes.push({ offset: record.offset, source, after: verdict.after ?? before, upTo: gapEnd(ours) });
    seen.set(position.epoch, position);
    if (type !== undefined) count(scan, type);
    return;
  }
  if (content.kind !== 'envelope') return;
  const identity = identityHash(content.envelope);
  const hex = identity.toString('hex');
  if (scan.foreign.has(hex)) return;
  scan.foreign.set(hex, identity);
  count(scan, content.envelope.type);
}

function begins(from: ReplayFrom, timestampMs: number, position: Position | undefined): boolean {
  switch (from.kind) {
    case 'everything':
      return true;
    case 'since':
      return timestampMs >= from.timeMs;
    case 'after':
      return position !== undefined && comparePositions(position, from.position) > 0;
  }
}

function count({ events }: ReplayScan, type: string): void {
  events.set(type, (events.get(type) ?? 0) + 1);
}
