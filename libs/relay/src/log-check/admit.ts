import { BrokerError } from '@converge/kafka';
import { ConvergeError } from '@converge/resilience';
import type { Executor } from '@converge/postgres';
import type { Takeover } from '../leadership-sql.ts';
import type { RelaySettings } from '../options.ts';
import { saveComparison } from './facts-sql.ts';
import { compareLog, type LogComparison } from './log-check.ts';
import { LogCheckError } from './refusal.ts';

/**
 * The first act of a leadership: nothing may be written under its term before the log was seen to belong to this
 * database. Rejects with what was found, or when the broker does not answer.
 */
export async function admit(
  settings: RelaySettings,
  takeover: Takeover,
  executor: Executor,
  tickXmax: bigint,
): Promise<LogComparison> {
  const { source, cursors, term } = takeover;
  const comparison = await compare({ executor, broker: settings.broker, source, cursors, tickXmax });
  const [first, ...more] = comparison.refusals;
  if (first !== undefined) throw new LogCheckError([first, ...more]);
  await saveComparison(executor, term, comparison.identity, comparison.ends);
  tell(settings, comparison);
  return comparison;
}

async function compare(request: Parameters<typeof compareLog>[0]): Promise<LogComparison> {
  try {
    return await compareLog(request);
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    throw new ConvergeError(
      `the log cannot be compared with the database, so no tick is written: ${error.message}`,
      { code: 'LOG_NOT_COMPARED', category: error.category, certainty: 'not_applied', cause: error },
    );
  }
}

function tell({ log }: RelaySettings, { endsOnly, notCompared, olderBehind }: LogComparison): void {
  if (endsOnly.length > 0)
    log.warn(
      { partitions: endsOnly.slice(0, 20), count: endsOnly.length },
      'nothing of this source is near the end of some partitions: only the ends of their logs were compared',
    );
  if (notCompared.length > 0)
    log.warn({ topics: notCompared }, 'some topics could not be compared with the database');
  const [old] = olderBehind;
  if (old !== undefined)
    log.error(
      { alarm: 'epoch_superseded', topic: old.topic, partition: old.partition, offset: `${old.offset}` },
      'a record of an epoch that was left stands behind the marker of this one: see that the old primary is stopped',
    );
}
