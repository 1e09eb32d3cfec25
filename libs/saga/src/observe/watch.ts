import type { Database } from '@convergekit/postgres';
import { removeOld } from '@convergekit/postgres/engine';
import { type Clock, type Random, type Service, systemClock, systemRandom } from '@convergekit/core';
import { loopService, poll } from '@convergekit/core/engine';
import { attributeNames, instruments } from '@convergekit/telemetry/engine';
import { logger, type Logger } from '@convergekit/telemetry';
import { DEFAULT_KEEP_MS } from '../declare/saga.ts';
import { fractions } from '../calls/worker/common-options.ts';
import { failureLog } from '../calls/worker/worker-service.ts';
import { SagaError } from '../errors.ts';
import { countOpen, ENDED, expireInstances, type InstanceCount } from './watch-sql.ts';

export interface SagaWatchOptions {
  /** The observer's database. */
  readonly database: Pick<Database<never>, 'executor'>;
  /** The period of rounds. In milliseconds. @default 5_000 */
  readonly pollMs?: number;
  /** The time instances are kept after their end. In milliseconds. @default 7_776_000_000 (90 days) */
  readonly keepMs?: number;
  /** The clock of the rounds; a test gives a manual one. @default the system's */
  readonly clock?: Clock;
  /** Random numbers for the jitter of rounds; a test gives seeded ones. @default Math.random */
  readonly random?: Random;
  /** The log of alarms and outages. @default the kit's logger `saga` */
  readonly log?: Logger;
}

/**
 * Watches the rows of an observer: reports overdue instances, counts open ones. Several watches may run concurrently;
 * an alarm is raised once. An outage of the database is waited for. Instances that ended long ago are removed.
 * @example
 * ```ts
 * import { runServices, sagaWatch } from 'convergekit/process';
 * import { database } from './shop.ts';
 *
 * await runServices([sagaWatch({ database, keepMs: 30 * 86_400_000 })]); // ended sagas stay for 30 days
 * ```
 */
export function sagaWatch({
  database: { executor },
  pollMs = 5_000,
  keepMs = DEFAULT_KEEP_MS,
  clock = systemClock,
  random = systemRandom,
  log = logger('saga'),
}: SagaWatchOptions): Service {
  const [wrong] = fractions({ pollMs, keepMs }, ['pollMs', 'keepMs']);
  if (wrong !== undefined) throw new SagaError('WORKER_INVALID', `the watch of sagas cannot start: ${wrong}`);
  const counted = new Map<string, InstanceCount>();
  const look = async (): Promise<void> => {
    for (const of of await expireInstances(executor))
      log.error(
        { alarm: 'saga_expired', ...of },
        'a saga has not ended in time: see `converge saga narrative`',
      );
    count(counted, await countOpen(executor));
    await removeOld(executor, ENDED, { keepMs, limit: 1_000 });
  };
  const name = 'saga watch';
  const onError = failureLog(name, { log });
  const run = (signal: AbortSignal): Promise<void> =>
    poll({ everyMs: pollMs, signal, clock, random, run: look, onError });
  return loopService({ name, run });
}

/** A state that was counted before and is empty now is set to zero. */
function count(before: Map<string, InstanceCount>, open: readonly InstanceCount[]): void {
  const now = new Map(open.map((one) => [`${one.saga} ${one.state}`, one]));
  for (const [id, one] of before) if (!now.has(id)) now.set(id, { ...one, count: 0 });
  before.clear();
  for (const [id, one] of now) {
    const { saga, state } = one;
    before.set(id, one);
    instruments().sagas.record(one.count, { [attributeNames.saga]: saga, [attributeNames.state]: state });
    if (state === 'stuck') instruments().sagasStuck.record(one.count, { [attributeNames.saga]: saga });
  }
}
