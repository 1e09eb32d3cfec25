import { consumerService } from 'convergekit/process';
import type { ConsumerDefinition, Database } from 'convergekit';
import { kafkaBroker, kafkaOptions, kafkaSettings } from 'convergekit/kafka';

/** Settings come as unknown data, from files and variables: CONVERGE__KAFKA__BROKERS, …__TLS__CA_FILE, …__SASL__PASSWORD. */
export function serviceOf(
  settings: unknown,
  consumer: ConsumerDefinition<object>,
  database: Database<object>,
) {
  const kafka = kafkaSettings.parse(settings);
  const broker = kafkaBroker({ ...kafkaOptions(kafka), clientId: 'payments' });
  return consumerService([consumer], { database, broker });
}
