import { describe, inject } from 'vitest';
import { brokerContract } from '@convergekit/broker/contract';
import { systemClock } from '@convergekit/core';
import { MovableLeadership } from './fixture/movable-leadership.ts';
import { PostgresProxy } from './fixture/postgres-proxy.ts';
import { LocalBroker, localBroker } from './local-broker.ts';

describe('N2, G1k: the local log keeps the contract of the port', () => {
  brokerContract('local', () => {
    const url = inject('stack').databaseUrl;
    return {
      connect: () => localBroker({ url, clientId: 'suite' }),
      // As for Kafka: tests wait for the end of a session, and heartbeats must fit in under load.
      sessionTimeoutMs: 2_500,
      network: async () => {
        const proxy = new PostgresProxy(url);
        await proxy.up();
        const leadership = new MovableLeadership();
        let moves = 0;
        return {
          connect: () =>
            new LocalBroker(
              { url: proxy.url, clientId: 'suite', requestTimeoutMs: 2_000 },
              leadership,
              systemClock,
            ),
          stall: () => proxy.stall(),
          cut: () => proxy.cut(),
          down: () => proxy.down(),
          up: () => proxy.up(),
          loseLeaders: () => leadership.setNode(undefined),
          loseLeader: (topic, partition) => leadership.lose({ topic, partition }),
          moveLeaders: () => leadership.setNode((moves += 1)),
          loseNextAcknowledgement: () => proxy.loseNextAcknowledgement(),
          close: () => proxy.down(),
        };
      },
    };
  });
});
