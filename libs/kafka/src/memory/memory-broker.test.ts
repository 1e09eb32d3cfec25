import { brokerContract } from '../contract-suite.ts';
import { memoryBroker } from './memory-broker.ts';

brokerContract('memory', () => {
  const { cluster } = memoryBroker();
  return {
    connect: () => memoryBroker({ cluster }),
    sessionTimeoutMs: 300,
    network: () => {
      const client = memoryBroker({ cluster });
      return Promise.resolve({
        connect: () => client,
        cut: () => {
          client.takeDown();
          setImmediate(() => client.restore());
        },
        down: () => Promise.resolve(client.takeDown()),
        up: () => Promise.resolve(client.restore()),
        loseNextAcknowledgement: () => client.failSend({ applied: true }),
        close: () => Promise.resolve(client.restore()),
      });
    },
  };
});
