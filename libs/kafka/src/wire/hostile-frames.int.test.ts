import { createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { seededRandom } from '@convergekit/core';
import { BrokerError } from '@convergekit/broker/engine';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { type Connect, drivers } from '../fixture/drivers.ts';
import { mutated } from '../fixture/mutations.ts';
import { ScriptedBroker } from '../fixture/scripted-broker.ts';
import { ByteWriter } from './byte-writer.ts';
import { MAX_FRAME_BYTES } from './frame-guard.ts';
import type { SaslOptions } from './connection.ts';

/*
 * What a broker's address sends before any login. An error that nothing catches fails the run of the tests.
 * Seen to fail without: the check of lengths, the catch of what a library throws, a login of this package's own (of the libraries', one
 * kept 18 bytes until there was no memory left, and one logged in each millisecond when a login counts for more than 24 days).
 */

/** Opens a producer, and returns how that ended. */
async function outcomeOf(connect: Connect, port: number, sasl?: SaslOptions): Promise<unknown> {
  const client = connect({
    brokers: [`127.0.0.1:${port}`],
    clientId: 'c',
    ...(sasl !== undefined && { sasl }),
  });
  try {
    await client.producer();
    return 'open';
  } catch (error) {
    return error;
  } finally {
    await client.close();
  }
}

/** A server that answers the first bytes of each connection. */
async function server(answer: (socket: Socket) => void): Promise<{ port: number; closed: () => number }> {
  let closed = 0;
  const listening = createServer((socket) => {
    socket.on('error', () => undefined).on('close', () => (closed += 1));
    socket.once('data', () => answer(socket));
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void listening.close());
  await once(listening, 'listening');
  return { port: (listening.address() as AddressInfo).port, closed: () => closed };
}

const PLAIN = { mechanism: 'plain', username: 'relay', password: 'secret' } as const;
const SCRAM = { ...PLAIN, mechanism: 'scram-sha-256' } as const;

const BEARER = {
  mechanism: 'oauthbearer',
  token: () => Promise.resolve({ value: 'secret' }),
} as const;

/** What a broker asks for in a login by SCRAM. */
const scramText = (sent: string, rounds: number): string =>
  `r=${/r=([^,]*)/.exec(sent)?.[1] ?? ''}x,s=c2FsdA==,i=${rounds},v=AA==`;

const lengthOf = (length: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeInt32BE(length);
  return bytes;
};

it.each(drivers)(
  'a broker that knows logins without frames alone is too old for %s, and gets no password',
  async (_, connect) => {
    const broker = await new ScriptedBroker().start();
    broker.speaksLogin = false;
    expect(await outcomeOf(connect, broker.port, PLAIN)).toMatchObject({ code: 'BROKER_TOO_OLD' });
    expect(broker.logins).toBe(0);
  },
);

it.each(drivers)(
  'a token provider that never answers is an outage after the time of a request, for %s',
  { timeout: 60_000 },
  async (_, connect) => {
    const broker = await new ScriptedBroker().start();
    const client = connect({
      brokers: [`127.0.0.1:${broker.port}`],
      clientId: 'c',
      requestTimeoutMs: 200,
      sasl: { mechanism: 'oauthbearer', token: () => new Promise<never>(() => undefined) },
    });
    onTestFinished(() => client.close());
    await expect(client.producer()).rejects.toMatchObject({
      kind: 'retry',
      message: expect.stringContaining('the token provider') as string,
    });
  },
);

describe.each(drivers)('a broker that sends other bytes than Kafka, and the %s driver', (_, connect) => {
  it.each([-2_147_483_648, -1, 0, 3, MAX_FRAME_BYTES + 1, 2_147_483_647])(
    'an answer of %d bytes ends its connection, with what was wrong, and is an outage',
    async (length) => {
      const { port, closed } = await server((socket) => socket.write(lengthOf(length)));
      expect(await outcomeOf(connect, port)).toMatchObject({
        code: 'BROKER_UNREACHABLE',
        kind: 'retry',
        message: expect.stringContaining(`no answer of Kafka`) as string,
        cause: expect.objectContaining({ code: 'BROKER_FRAME_INVALID' }) as unknown,
      });
      await expect.poll(closed).toBe(1);
    },
  );

  it('an answer that announces two gigabytes and goes on is cut off before its bytes are kept', async () => {
    const chunk = Buffer.alloc(65_536);
    let sent = 0;
    const { port, closed } = await server((socket) => {
      const send = (): void => {
        while (!socket.destroyed && socket.write(chunk)) sent += chunk.length;
      };
      socket.write(lengthOf(2_147_483_647));
      socket.on('drain', send);
      send();
    });
    await outcomeOf(connect, port);
    await expect.poll(closed).toBe(1);
    expect(sent).toBeLessThan(64 * 1_048_576);
  });

  it('a broker that wants TLS is named as such', async () => {
    const alert = Buffer.from([0x15, 3, 3, 0, 2, 2, 70]);
    const { port } = await server((socket) => socket.write(alert));
    expect(await outcomeOf(connect, port)).toMatchObject({ code: 'TLS_FAILED', kind: 'configuration' });
  });

  it('a list of mechanisms that claims two thousand million entries in eight bytes is refused', async () => {
    const broker = await new ScriptedBroker().start();
    broker.mechanisms = new ByteWriter().int16(0).int32(2_147_483_647).int16(-2).finish();
    expect(await outcomeOf(connect, broker.port, SCRAM)).toBeInstanceOf(BrokerError);
    expect(broker.logins).toBe(0);
  });

  it('a login that asks for two thousand million rounds of SCRAM is refused, and no round is computed', async () => {
    const broker = await new ScriptedBroker().start();
    broker.loginText = (sent) => scramText(sent, 2_147_483_647);
    expect(await outcomeOf(connect, broker.port, SCRAM)).toMatchObject({
      code: 'NOT_AUTHENTICATED',
      message: expect.stringContaining('2147483647 iterations') as string,
    });
  });

  it('a broker that takes a login by SCRAM without knowing the password is refused', async () => {
    const broker = await new ScriptedBroker().start();
    broker.loginText = (sent) => scramText(sent, 4_096);
    expect(await outcomeOf(connect, broker.port, SCRAM)).toMatchObject({
      code: 'NOT_AUTHENTICATED',
      kind: 'configuration',
      message: expect.stringContaining('it does not know the password') as string,
    });
  });

  it.each<[string, (sent: string) => string, string]>([
    ['a number of another login', () => 'r=elsewhere,s=c2FsdA==,i=4096', 'it answered another login'],
    [
      'the number of this login without one of its own',
      (sent) => `r=${/r=([^,]*)/.exec(sent)?.[1] ?? ''},s=c2FsdA==,i=4096`,
      'it answered another login',
    ],
    ['no salt', (sent) => scramText(sent, 4_096).replace('s=c2FsdA==', 's='), 'it sent no salt'],
    ['no rounds', (sent) => scramText(sent, 0), '0 iterations'],
    ['an error', (sent) => `${scramText(sent, 4_096)},e=other-error`, 'other-error'],
  ])(
    'a login by SCRAM that a broker answers with %s is refused, and gets no proof of the password before',
    async (_what, answer, why) => {
      const broker = await new ScriptedBroker().start();
      broker.loginText = answer;
      expect(await outcomeOf(connect, broker.port, SCRAM)).toMatchObject({
        code: 'NOT_AUTHENTICATED',
        kind: 'configuration',
        message: expect.stringContaining(why) as string,
      });
      // The broker would be given a proof of the password in the second text of a login.
      expect(broker.logins).toBe(why === 'other-error' ? 2 : 1);
    },
  );

  it('a token that a broker refuses with a challenge is refused by its text, of which a part is kept, and is not sent again', async () => {
    const broker = await new ScriptedBroker().start();
    broker.loginText = () => `{"status":"invalid_token"}${'x'.repeat(30_000)}`;
    const outcome = (await outcomeOf(connect, broker.port, BEARER)) as BrokerError;
    expect(outcome).toMatchObject({
      code: 'NOT_AUTHENTICATED',
      kind: 'configuration',
      message: expect.stringContaining('invalid_token') as string,
    });
    expect(outcome.message.length).toBeLessThan(1_000);
    expect(broker.logins).toBe(1);
  });

  it('a login that counts for years is not made again at once', async () => {
    const broker = await new ScriptedBroker().start();
    broker.sessionMs = 2n ** 40n;
    const client = connect({ brokers: [`127.0.0.1:${broker.port}`], clientId: 'c', sasl: PLAIN });
    onTestFinished(() => client.close());
    await client.producer();
    await (await client.admin()).partitionEnds('orders');
    const logins = broker.logins;
    for (let times = 0; times < 5; times += 1) await (await client.admin()).partitionEnds('orders');
    expect(broker.logins - logins).toBeLessThanOrEqual(5);
  });

  const random = seededRandom(7);
  it.each([
    ['', undefined],
    [', of a login by password', PLAIN],
    [', of a login by SCRAM', SCRAM],
    [', of a login by token', BEARER],
  ] as const)(
    'changed bytes in any answer%s end in an error of the broker, or in none',
    async (_what, sasl) => {
      const broker = await new ScriptedBroker().start();
      broker.delayMs = 0;
      broker.loginText = (sent) => (sasl === BEARER ? '' : scramText(sent, 4_096));
      let [answers, at] = [0, 0];
      broker.mangle = (frame) => {
        answers += 1;
        if (answers !== at) return frame;
        // The length stays true in half of them, so that what reads the bytes behind it gets to see them.
        if (random() < 0.5) return mutated(frame, random);
        const body = mutated(frame.subarray(4), random);
        return Buffer.concat([lengthOf(body.length).subarray(0, 4), body]);
      };
      for (let left = inject('full') ? 10_000 : 100; left > 0; left -= 1) {
        answers = 0;
        at = 1 + (left % 6);
        const outcome = await outcomeOf(connect, broker.port, sasl);
        if (outcome !== 'open') expect(outcome).toBeInstanceOf(BrokerError);
      }
    },
  );
});
