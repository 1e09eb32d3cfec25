/** A process that publishes with pg-transactional-outbox and kafkajs, as a user of both would write it. */
import { Kafka, logLevel } from 'kafkajs';
import {
  createReplicationSegmentMutexConcurrencyController,
  type GeneralMessageHandler,
  getDefaultLogger,
  initializePollingMessageListener,
  initializeReplicationMessageListener,
} from 'pg-transactional-outbox';

const [listener, connectionString = '', brokers = '', slot = ''] = process.argv.slice(2);
const producer = new Kafka({
  brokers: brokers.split(','),
  clientId: 'pg-transactional-outbox',
  logLevel: logLevel.ERROR,
}).producer();
await producer.connect();

const publisher: GeneralMessageHandler = {
  handle: async ({ id, aggregateType, aggregateId, messageType, payload }) => {
    await producer.send({
      topic: aggregateType,
      acks: -1,
      messages: [{ key: aggregateId, value: JSON.stringify(payload), headers: { id, type: messageType } }],
    });
  },
};
const logger = getDefaultLogger('outbox');
logger.level = 'warn';
const shared = { outboxOrInbox: 'outbox' as const, dbListenerConfig: { connectionString } };
const settings = {
  dbSchema: 'public',
  dbTable: 'outbox',
  enableMaxAttemptsProtection: false,
  enablePoisonousMessageProtection: false,
};
const [shutdown] =
  listener === 'replication'
    ? initializeReplicationMessageListener(
        { ...shared, settings: { ...settings, dbPublication: slot, dbReplicationSlot: slot } },
        publisher,
        logger,
        { concurrencyStrategy: createReplicationSegmentMutexConcurrencyController() },
      )
    : initializePollingMessageListener(
        {
          ...shared,
          settings: {
            ...settings,
            nextMessagesFunctionName: 'next_outbox_messages',
            nextMessagesBatchSize: 100,
            nextMessagesPollingIntervalInMs: 50,
          },
        },
        publisher,
        logger,
      );

process.once('SIGTERM', () => {
  void shutdown()
    .then(() => producer.disconnect())
    .finally(() => process.exit(0));
});
