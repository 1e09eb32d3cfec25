import type { Broker } from '@convergekit/broker/engine';
import { PlatformaticConnections } from './drivers/platformatic/platformatic-connections.ts';
import type { DriverName } from './settings.ts';
import type { ConnectionLayer, ConnectionOptions } from './wire/connection.ts';
import { type KafkaOptions, WireBroker } from './wire/wire-broker.ts';

const DRIVERS: Readonly<
  Record<DriverName, (options: ConnectionOptions, log: KafkaOptions['log']) => ConnectionLayer>
> = {
  kafkajs: (options, log) =>
    loaded(async () => {
      const { KafkaJsConnections } = await import('./drivers/kafkajs/kafkajs-connections.ts');
      return new KafkaJsConnections(options, log);
    }),
  platformatic: (options) => new PlatformaticConnections(options),
};

/** Loads a driver at its first connection: its library takes up to a quarter of a second, and many commands connect to no broker. */
function loaded(load: () => Promise<ConnectionLayer>): ConnectionLayer {
  let layer: Promise<ConnectionLayer> | undefined;
  return { connect: async (target) => (await (layer ??= load())).connect(target) };
}

export interface KafkaBrokerOptions extends KafkaOptions {
  /** The client whose connections are used; everything above them is the same (docs/decisions/0006). @default kafkajs */
  readonly driver?: DriverName | undefined;
}

/** Opens Kafka through the connections of one driver. */
export function kafkaBroker({ driver = 'kafkajs', ...options }: KafkaBrokerOptions): Broker {
  return new WireBroker(driver, options, (given) => DRIVERS[driver](given, options.log));
}
