import { delayMs, outageBackoff } from '@convergekit/core/engine';
import { type Admin, BrokerError } from '@convergekit/broker/engine';
import { classify } from '@convergekit/resilience';
import { endsConsumer } from '../slice/fault.ts';
import { haltPartition } from '../slice/fence-sql.ts';
import { placeOf } from '../slice/partition.ts';
import { report } from '../slice/report.ts';
import { checkRow, logNow, reload } from './assign.ts';
import type { Turn } from './worker.ts';

/**
 * Waits until the database answers, and reloads the partition. No attempt is counted, however long it takes.
 * `error`: the outage, where there was one. Resolves with false when the partition is lost or the service stops.
 */
export async function recover<DB>({ worker, partition, lost }: Turn<DB>, error: unknown): Promise<boolean> {
  const { clock, random, log, lines } = worker.context;
  const began = clock.monotonic();
  for (let outage = error; !lost.aborted && !worker.stopping();) {
    if (outage !== undefined) {
      worker.waiting(outage);
      const { code, message } = classify(outage);
      const note = lines.take(`database ${code}`);
      if (note !== undefined)
        log.warn({ ...placeOf(partition), code, reason: message, ...note }, 'waiting for the database');
      await clock.sleep(delayMs(outageBackoff, partition.outage(), random), lost);
    }
    try {
      if (outage !== undefined) await worker.probe();
      await reload(worker.context, partition);
      worker.waiting(undefined);
      if (outage !== undefined) report.recovered(partition.key, 'partition', clock.monotonic() - began);
      return true;
    } catch (reloadError) {
      if (endsConsumer(reloadError)) throw reloadError;
      outage = reloadError;
    }
  }
  return false;
}

/**
 * Handles a running partition whose offset the log lost: the log was truncated, or the topic recreated. The partition
 * halts with a named alarm; the others continue. A row with another offset that the log has lets the partition continue
 * there. An outage of database or broker is waited for, and halts nothing.
 */
export async function placeLost<DB>(turn: Turn<DB>, admin: Admin): Promise<void> {
  const { worker, partition, control, lost } = turn;
  const { clock, random, log } = worker.context;
  for (let attempt = 1; !lost.aborted && !worker.stopping(); attempt += 1) {
    try {
      if (!(await decided(turn, admin))) continue;
      if (partition.halt === undefined) control.seek(partition.nextOffset);
      else control.pause();
      return;
    } catch (error) {
      if (endsConsumer(error) && !(error instanceof BrokerError)) throw error;
      const { code, message } = classify(error);
      log.warn({ ...placeOf(partition), code, reason: message }, 'waiting to look up the ends of the log');
      await clock.sleep(delayMs(outageBackoff, attempt, random), lost);
    }
  }
}

/** Compares the saved position with the log. False: the row was changed meanwhile; look again. */
async function decided<DB>({ worker: { context }, partition }: Turn<DB>, admin: Admin): Promise<boolean> {
  const { key } = partition;
  // A deferred position is forgotten: it may be one of a log that is not there any more.
  const row = await reload(context, partition);
  if (row.halted !== undefined) return true;
  const { topicId, ends } = await logNow(admin, key.topic);
  const end = ends.get(key.partition);
  if (end instanceof BrokerError) throw end;
  const found = checkRow(key.consumer, row, topicId, end);
  if (found === undefined) return true;
  const { executor } = context.database;
  if (!(await haltPartition(executor, key, row.nextOffset, found, undefined))) return false;
  partition.haltWith(found);
  context.log.error({ alarm: found.code, ...placeOf(partition), offset: `${row.nextOffset}` }, found.reason);
  return true;
}
