import { exportLog, openBroker } from '@convergekit/local/choose';
import { command } from '../../frame/command.ts';
import { misconfigured } from '@convergekit/operate/errors';
import { asks, count, text } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';
import { requireDatabase } from '@convergekit/operate/host';

/** Copies the local log to Kafka. The relays of the log must be stopped, else it refuses what it copied. */
export const exportCommand = command({
  name: 'export',
  summary: 'copy the topics of the local log to empty topics of KAFKA_BROKERS; stop the relays before',
  flags: {
    topic: text('name', 'only this topic (default: every topic of the log)'),
    replicationFactor: count('copies', "copies of each partition (default: the brokers')"),
    ...asks,
  },
  run: async (context, { topic, replicationFactor }) => {
    const { settings, client, output } = context;
    if (settings.kafka.brokers.length === 0)
      throw misconfigured(
        'CONFIG_MISSING',
        'KAFKA_BROKERS is not set: give it as host:port[,host:port…] of the Kafka cluster to copy to',
      );
    const url = settings.local.url ?? requireDatabase(settings);
    await context.confirm(
      `Copy the local log to ${settings.kafka.brokers.join(', ')}? Its relays must be stopped.`,
    );
    const target = openBroker({ ...settings, broker: 'kafka' }, { clientId: client });
    try {
      const copied = await exportLog({
        url,
        target,
        replicationFactor,
        ...(topic === undefined ? {} : { topics: [topic] }),
        onTopic: (one) => output.progress(`copied ${one.topic}: ${one.records} records`),
      });
      context.audit({ topics: copied.length, records: copied.reduce((sum, one) => sum + one.records, 0) });
      return result(copied, () => [
        ...copied.map((one) => `${one.topic}: ${one.records} records in ${one.partitions} partitions`),
        'next: unset CONVERGE__BROKER, run `converge source rebase --reason TEXT` for each outbox, start the relays and consumers, and resume the consumers with `converge consumers resume NAME --from earliest`',
      ]);
    } finally {
      await target.close();
    }
  },
});
