import type { Broker } from '@convergekit/broker/engine';
import { installedVersion, requireTested } from './drivers/kafkajs/version.ts';
import { requireInstalled } from './drivers/platformatic/installed.ts';
import { PlatformaticConnections } from './drivers/platformatic/platformatic-connections.ts';
import type { DriverName } from './settings.ts';
import type { ConnectionLayer, ConnectionOptions } from './wire/connection.ts';
import { type KafkaOptions, WireBroker } from './wire/wire-broker.ts';

const DRIVERS: Readonly<
  Record<DriverName, (options: ConnectionOptions, log: KafkaOptions['log']) => ConnectionLayer>
> = {
  kafkajs: (options, log) => {
    requireTested(installedVersion());
    let layer: ConnectionLayer | undefined;
    return {
      // Loaded at the first connection, as the other client: many commands make none.
      connect: async (target) => {
        const { KafkaJsConnections } = await import('./drivers/kafkajs/kafkajs-connections.ts');
        layer ??= new KafkaJsConnections(options, log);
        return layer.connect(target);
      },
    };
  },
  platformatic: (options) => {
    requireInstalled();
    return new PlatformaticConnections(options);
  },
};

export interface KafkaBrokerOptions extends KafkaOptions {
  /** The client whose connections are used; everything above them is the same (docs/decisions/0006). @default kafkajs */
  readonly driver?: DriverName | undefined;
}

/**
 * Opens Kafka through the connections of one driver.
 * @example
 * ```ts
 * import { kafkaBroker } from 'convergekit/kafka';
 *
 * const broker = kafkaBroker({ brokers: ['localhost:9092'], clientId: 'payments' });
 * const admin = await broker.admin();
 * await admin.createTopic({ name: 'orders', partitions: 12 });
 * await broker.close();
 * ```
 */
export function kafkaBroker({ driver = 'kafkajs', ...options }: KafkaBrokerOptions): Broker {
  return new WireBroker(driver, options, (given) => DRIVERS[driver](given, options.log));
}
