import { describe, inject } from 'vitest';
import { brokerContract } from '@convergekit/broker/contract';
import { systemClock } from '@convergekit/core';
import { TcpProxy } from '../../../test/tcp-proxy.ts';
import { MovableLeadership } from './fixture/movable-leadership.ts';
import { LocalBroker, localBroker } from './local-broker.ts';

/** The text of an append, which the client sends when it parses the statement. */
const APPEND = Buffer.from('insert into converge_log.batch');

describe('N2, G1k: the local log keeps the contract of the port', () => {
  brokerContract('local', () => {
    const url = inject('stack').databaseUrl;
    return {
      connect: () => localBroker({ url, clientId: 'suite' }),
      // As for Kafka: tests wait for the end of a session, and heartbeats must fit in under load.
      sessionTimeoutMs: 2_500,
      network: async () => {
        const { hostname: host, port } = new URL(url);
        const proxy = new TcpProxy({ host, port: Number(port === '' ? 5432 : port) }, () => ({
          // The answer is that to the whole batch: the commit is done when it arrives.
          requested: (bytes) => bytes.includes(APPEND),
        }));
        await proxy.up();
        const proxied = new URL(url);
        proxied.host = proxy.address;
        const leadership = new MovableLeadership();
        let moves = 0;
        return {
          ...proxy.faults,
          connect: () =>
            new LocalBroker(
              { url: proxied.href, clientId: 'suite', requestTimeoutMs: 2_000 },
              systemClock,
              leadership,
            ),
          loseLeaders: () => leadership.setNode(undefined),
          loseLeader: (topic, partition) => leadership.lose({ topic, partition }),
          moveLeaders: () => leadership.setNode((moves += 1)),
        };
      },
    };
  });
});
