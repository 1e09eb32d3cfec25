import { manualClock } from '@convergekit/testing';
import { expect, it } from 'vitest';
import { ByteWriter } from './byte-writer.ts';
import type { ConnectionLayer, LoginToken } from './connection.ts';
import { withLogin } from './login.ts';

const SESSION_MS = 100_000;
const answers: Readonly<Record<string, () => ByteWriter>> = {
  SaslHandshake: () => new ByteWriter().int16(0).int32(1).string('OAUTHBEARER'),
  SaslAuthenticate: () => new ByteWriter().int16(0).string(null).int32(0).int64(BigInt(SESSION_MS)),
  Produce: () => new ByteWriter(),
};

/** Opens a connection to a broker of sessions of 100 seconds, with a provider that can fail. */
async function opened() {
  const clock = manualClock();
  const sent: string[] = [];
  const provider = { down: false, asked: 0 };
  let target: AbortSignal | undefined;
  const layer: ConnectionLayer = {
    connect: ({ signal }) => {
      target = signal;
      return Promise.resolve({
        versions: new Map([17, 36].map((apiKey) => [apiKey, { min: 0, max: 1 }])),
        send: ({ name }) => {
          sent.push(name);
          return Promise.resolve(answers[name]!().finish());
        },
      });
    },
  };
  const token = (): Promise<LoginToken> => {
    provider.asked += 1;
    return provider.down ? Promise.reject(new Error('no route')) : Promise.resolve({ value: 't' });
  };
  const sasl = { mechanism: 'oauthbearer', token } as const;
  const connection = await withLogin(layer, { sasl, requestTimeoutMs: 1_000 }, clock).connect({
    host: 'h',
    port: 1,
    signal: new AbortController().signal,
    onLost: () => undefined,
  });
  const produce = () =>
    connection.send({ apiKey: 0, apiVersion: 1, name: 'Produce', body: [] }, () => undefined);
  return { clock, sent, provider, produce, isClosed: () => target?.aborted };
}

// Planted fault: the first failure of the provider closes the connection, with a fifth of its session left.
it('a token provider that fails when a session is renewed is asked again while the session lasts, whose requests go on', async () => {
  const { clock, sent, provider, produce, isClosed } = await opened();
  sent.length = 0;
  provider.down = true;
  await clock.advance(80_000);
  await produce();
  await produce();
  expect([sent, provider.asked, isClosed()]).toEqual([['Produce', 'Produce'], 2, false]);
  await clock.advance(10_000);
  provider.down = false;
  await produce();
  expect([sent.slice(2), provider.asked]).toEqual([['SaslHandshake', 'SaslAuthenticate', 'Produce'], 3]);
});

it('a session whose provider fails until its end is closed before the broker would, with the reason', async () => {
  const { clock, provider, produce, isClosed } = await opened();
  provider.down = true;
  await clock.advance(98_000);
  await expect(produce()).rejects.toThrow(/token provider failed: no route/);
  expect(isClosed()).toBe(true);
});
