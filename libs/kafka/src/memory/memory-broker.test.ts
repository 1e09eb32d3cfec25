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
        stall: () => client.failSend({ code: 'TIMEOUT', certainty: 'unknown' }),
        down: () => {
          client.takeDown();
          return Promise.resolve();
        },
        up: () => {
          client.restore();
          return Promise.resolve();
        },
        loseNextAcknowledgement: () => client.failSend({ applied: true }),
        close: () => Promise.resolve(),
      });
    },
  };
});
