import { type Admin, BrokerError, type PartitionControl } from '@convergekit/kafka';
import { classify, delayMs } from '@convergekit/resilience';
import { haltPartition } from '../slice/fence-sql.ts';
import { type Partition, placeOf } from '../slice/context.ts';
import { checkRow, logNow, reload } from './assign.ts';
import { outageBackoff, type Worker } from './work-batch.ts';

/**
 * The log lost the place of a partition while it ran: it was cut past it, or the topic was made again. That partition is
 * halted by name, for everybody to see; the others go on. Where its row says another place, which the log has, it goes
 * on from there. Waits for database and broker as long as it takes, since neither is to blame for a halt.
 */
export async function placeLost<DB>(
  worker: Worker<DB>,
  admin: Admin,
  partition: Partition,
  control: PartitionControl,
  lost: AbortSignal,
): Promise<void> {
  const { clock, random, log } = worker.context;
  for (let attempt = 1; !lost.aborted && !worker.stopping(); attempt += 1) {
    try {
      if (!(await decided(worker, admin, partition))) continue;
      if (partition.halted === undefined) control.seek(partition.nextOffset);
      else control.pause();
      return;
    } catch (error) {
      const { category, code, message } = classify(error);
      if (category === 'configuration' && !(error instanceof BrokerError)) throw error;
      log.warn({ ...placeOf(partition), code, reason: message }, 'waiting to see what became of the log');
      await clock.sleep(delayMs(outageBackoff, attempt, random), lost);
    }
  }
}

/** False: somebody moved the row in between; look again. */
async function decided<DB>({ context }: Worker<DB>, admin: Admin, partition: Partition): Promise<boolean> {
  const { key } = partition;
  const row = await reload(context, partition);
  if (row.halted !== undefined) return true;
  const { topicId, ends } = await logNow(admin, key.topic);
  const end = ends.find((one) => one.partition === key.partition);
  const found = checkRow(key.consumer, row, topicId, end);
  if (found === undefined) return true;
  const { executor } = context.database;
  if (!(await haltPartition(executor, key, row.nextOffset, found, undefined))) return false;
  partition.halted = found;
  context.log.error({ alarm: found.code, ...placeOf(partition), offset: `${row.nextOffset}` }, found.reason);
  return true;
}
