import { expect, it } from 'vitest';
import { bearerLogin, type SaslAuthenticate } from './bearer-login.ts';

/** A broker that answers each login with this text. */
function broker(answer: string) {
  const sent: string[] = [];
  const saslAuthenticate: SaslAuthenticate = async ({ request, response }) => {
    const bytes = await request.encode();
    expect(bytes.readInt32BE(0)).toBe(bytes.length - 4);
    sent.push(bytes.toString('utf8', 4));
    await response.parse(await response.decode(Buffer.from(`\0\0\0\0${answer}`)));
  };
  return { sent, saslAuthenticate };
}

it('a login by a token sends the token and its extensions', async () => {
  const { sent, saslAuthenticate } = broker('');
  const extensions = { logicalCluster: 'lkc-1', identityPoolId: 'pool-2' };
  await bearerLogin(() => Promise.resolve({ value: 't', extensions }), saslAuthenticate);
  expect(sent).toEqual([
    'n,,\u0001auth=Bearer t\u0001logicalCluster=lkc-1\u0001identityPoolId=pool-2\u0001\u0001',
  ]);
});

it('an answer with a text is a refused token', async () => {
  const { saslAuthenticate } = broker('{"status":"invalid_token"}');
  await expect(bearerLogin(() => Promise.resolve({ value: 't' }), saslAuthenticate)).rejects.toMatchObject({
    failure: 'credentials',
    message: expect.stringContaining('invalid_token') as string,
  });
});
