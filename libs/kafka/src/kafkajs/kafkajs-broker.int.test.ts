import { inject } from 'vitest';
import { brokerContract } from '../contract-suite.ts';
import { TcpProxy } from '../contract-suite-proxy.ts';
import { kafkajsBroker } from './kafkajs-broker.ts';

brokerContract('kafkajs', () => {
  const { brokers } = inject('stack');
  return {
    connect: () => kafkajsBroker({ brokers: brokers.split(','), clientId: 'suite' }),
    // Kafka's own lower limit.
    sessionTimeoutMs: 6_000,
    network: async () => {
      const proxy = new TcpProxy(brokers.split(',')[0] ?? '');
      await proxy.up();
      const { address } = proxy;
      return {
        connect: () =>
          kafkajsBroker({
            brokers: [address],
            clientId: 'suite',
            reachAt: () => address,
            requestTimeoutMs: 2_000,
          }),
        stall: () => proxy.stall(),
        cut: () => proxy.cut(),
        down: () => proxy.down(),
        up: () => proxy.up(),
        loseNextAcknowledgement: () => proxy.loseNextAcknowledgement(),
        close: () => proxy.down(),
      };
    },
  };
});
