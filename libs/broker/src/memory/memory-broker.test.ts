import { brokerContract } from '../contract/index.ts';
import { partitionId } from '../broker.ts';
import { memoryBroker } from './memory-broker.ts';

brokerContract('memory', () => {
  const { cluster } = memoryBroker();
  return {
    connect: () => memoryBroker({ cluster }),
    sessionTimeoutMs: 300,
    network: () => {
      const client = memoryBroker({ cluster });
      let moves = 0;
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
        loseLeaders: async () => {
          cluster.log.leader = undefined;
          await cluster.log.lookedUp.next();
        },
        loseLeader: (topic, partition) => void client.offline.add(partitionId(topic, partition)),
        moveLeaders: async () => {
          cluster.log.leader = moves += 1;
          await cluster.log.lookedUp.next();
        },
        loseNextAcknowledgement: () => client.failSend({ applied: true }),
        close: () => Promise.resolve(),
      });
    },
  };
});
