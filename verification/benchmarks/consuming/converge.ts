import { type ConsumerDefinition, consumerService, defineConsumer } from '@convergekit/inbox';
import { connect } from '@convergekit/postgres';
import { ConvergeError } from '@convergekit/core';
import { openLog } from '../measure/open-log.ts';
import { benchEvent, type EffectDb, insertion, insertMany, insertOne } from './effect.ts';
import type { Orders, Stop } from './ways.ts';
import { withoutDedup } from './without-dedup.ts';

/** The key whose events may be made to fail. */
export const SUSPECT = 'key-7';

/** The partitions never move, and their rows are not current: see `withoutDedup`. */
const UNWATCHED = { watchMs: 2_147_483_647 };

/** The kit, every setting default; for comparison also without deduplication. */
export async function converge(orders: Orders): Promise<Stop> {
  const { databaseUrl, brokers, driver, way } = orders;
  const database = connect<EffectDb>({ url: databaseUrl, applicationName: way });
  const unsafe = way.startsWith('unsafe');
  if (unsafe) withoutDedup();
  const broker = openLog(brokers, way, driver);
  const service = consumerService([consumerOf(orders)], { database, broker, ...(unsafe ? UNWATCHED : {}) });
  await service.start();
  return async () => {
    await service.stop();
    await broker.close();
    await database.close();
  };
}

function consumerOf({ way, topic, group }: Orders): ConsumerDefinition<EffectDb> {
  const event = benchEvent(topic);
  const consumer = defineConsumer<EffectDb>(group, { from: 'first' });
  switch (way) {
    case 'unsafe-batch':
    case 'converge-batch':
      return consumer.onBatch(event, (events, { tx }) => insertMany(tx, events));
    case 'converge-write':
      return consumer.on(event, (one, { tx, write }) => write(insertion(tx, one)));
    case 'converge-failing':
      return consumer.on(event, async (one, { tx, write }) => {
        if (one.key === SUSPECT && (await tx.selectFrom('fault').selectAll().execute()).length > 0)
          throw new ConvergeError('this key fails', {
            code: 'BENCH_FAULT',
            category: 'network',
            certainty: 'not_applied',
          });
        write(insertion(tx, one));
      });
    default:
      return consumer.on(event, (one, { tx }) => insertOne(tx, one));
  }
}
