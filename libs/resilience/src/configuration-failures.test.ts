import { expect, it } from 'vitest';
import { defaultBreaker } from './breaker-state.ts';
import { BREAKER_OPEN } from './engine.ts';
import { stillClock as clock } from './fixture/still-clock.ts';
import { classify, defaultPolicy, operation } from './index.ts';
import { CircuitBreaker } from './breaker.ts';

const random = (): number => 0;
const error = (fields: object): Error => Object.assign(new Error('refused'), fields);
const postgres = (code: string): Error => error({ code, severity: 'FATAL' });

// Planted fault: a strategy that retries the category configuration calls each ten times.
it.each([
  ['a wrong password of Postgres', postgres('28P01')],
  ['a database that does not exist', postgres('3D000')],
  ['a missing right', postgres('42501')],
  ['a missing column', postgres('42703')],
  ['a missing table', postgres('42P01')],
  ['a server without TLS', new Error('The server does not support SSL connections')],
  ['a wrong password of Kafka', error({ name: 'KafkaJSSASLAuthenticationError' })],
  ['a port that is taken', error({ code: 'EADDRINUSE' })],
  ['a file that is missing', error({ code: 'ENOENT' })],
  ['401 of another service', error({ status: 401 })],
  ['403 of another service', error({ status: 403 })],
])(
  'S51: %s is a failure of configuration, and is called once whatever the policy allows',
  async (_, thrown) => {
    let calls = 0;
    const read = operation({
      name: 'read',
      idempotency: 'idempotent',
      policy: { ...defaultPolicy, attempts: 10, backoff: { baseMs: 50, factor: 2, capMs: 1_000 } },
      call: () => {
        calls += 1;
        return Promise.reject(thrown);
      },
    });
    const breaker = new CircuitBreaker({
      name: 'read',
      settings: { ...defaultBreaker, minimumCalls: 2 },
      clock,
      random,
    });
    await expect(read.run(undefined, { clock, random, breaker })).rejects.toBe(thrown);
    expect(calls).toBe(1);
    expect(classify(thrown)).toMatchObject({
      category: 'configuration',
      certainty: 'not_applied',
      structural: true,
    });
    expect(classify(thrown).code).not.toBe(BREAKER_OPEN);
  },
);
