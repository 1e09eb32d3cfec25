import { failpoint } from '@convergekit/core/engine';
import type { IncomingBatch, IncomingRecord } from '@convergekit/broker/engine';
import { planSlice } from '../plan/plan.ts';
import { readRecord } from '../plan/reading.ts';
import { verified } from '../plan/signatures.ts';
import { type SliceResult, standAfter } from '../slice/commit-slice.ts';
import { endsConsumer } from '../slice/fault.ts';
import { canDefer, deferMore } from '../slice/deferral.ts';
import type { Partition } from '../slice/partition.ts';
import { afterSlice, type Next } from './after-slice.ts';
import { haltAt } from './halt-at.ts';
import { workFill } from './work-fill.ts';
import type { Turn } from './worker.ts';

/** Processes one batch of a partition, slice by slice. Rejects only when the whole consumer must stop. */
export async function workBatch<DB>(turn: Turn<DB>, batch: IncomingBatch): Promise<void> {
  const { worker, partition, control, lost } = turn;
  if (!(await workFill(turn))) return control.seek(partition.nextOffset);
  let records = unhandled(batch.records, partition);
  while (records.length > 0 && partition.halt === undefined) {
    if (worker.stopping() || lost.aborted) return control.seek(partition.nextOffset);
    const next = await workSlice(turn, records.slice(0, partition.limit));
    partition.looked({ lag: batch.highWatermark - partition.nextOffset });
    if (next === 'fetch_again') return control.seek(partition.nextOffset);
    if (next === 'leave') return;
    records = unhandled(records, partition);
  }
  if (partition.halt !== undefined) {
    control.pause();
    control.seek(partition.nextOffset);
    return;
  }
  failpoint('inbox.after_commit');
}

/** The records from the partition's offset on. */
function unhandled(records: readonly IncomingRecord[], partition: Partition): readonly IncomingRecord[] {
  const { nextOffset } = partition;
  const at = records.findIndex((record) => record.offset >= nextOffset);
  const next = records[at];
  if (next === undefined) return [];
  partition.looked({ next: { at: nextOffset, timestampMs: next.timestampMs } });
  return at === 0 ? records : records.slice(at);
}

async function workSlice<DB>(turn: Turn<DB>, records: readonly IncomingRecord[]): Promise<Next> {
  const { worker, partition, lost } = turn;
  const { context, sources } = worker;
  const { signatures, route, clock, time } = context;
  const readings = records.map((record) => verified(readRecord(record), signatures, sources.pinned));
  const { start } = partition;
  const { watermarks, passOffset, rejected, known } = partition.standing;
  let result: SliceResult;
  try {
    await sources.pin(readings);
    const { pinned, failureSources } = sources;
    const trust = { pinned, failureSources, signatures };
    const trusted = { ...trust, watermarks, passOffset, rejected, ahead: known.types };
    const plan = planSlice(readings, { from: start, ...trusted, nowMs: time.now(), route });
    const { steps, obstacle } = plan;
    const now = clock.monotonic();
    if (canDefer(plan, partition.deferral, now)) {
      partition.defer(
        deferMore(partition.deferral, steps, now),
        standAfter(partition.standing, steps.at(-1)),
      );
      failpoint('inbox.deferred');
      return 'next';
    }
    result = await worker.joint.commit({ partition, steps, signal: lost });
    if (result.kind === 'committed' && obstacle !== undefined) return await haltAt(turn, obstacle);
  } catch (error) {
    if (endsConsumer(error)) throw error;
    result = { kind: 'outage', error };
  }
  return afterSlice(turn, result);
}
