import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { token } from './kafka-login.ts';

const asked: string[] = [];
let refuse = true;
const issuer = createServer((request, response) => {
  let body = '';
  request.setEncoding('utf8').on('data', (text: string) => (body += text));
  request.on('end', () => {
    asked.push(body);
    response.statusCode = refuse ? 503 : 200;
    response.end(JSON.stringify({ access_token: `t${asked.length}`, expires_in: 3_600 }));
  });
});

beforeAll(async () => {
  issuer.listen(0, '127.0.0.1');
  await once(issuer, 'listening');
  vi.stubEnv('TOKEN_URL', `http://127.0.0.1:${(issuer.address() as AddressInfo).port}`);
  vi.stubEnv('CLIENT_ID', 'orders');
  vi.stubEnv('CLIENT_SECRET', 's');
});
afterAll(() => {
  vi.unstubAllEnvs();
  issuer.close();
});

it('a token is asked for once and kept, and a refusal by the issuer rejects', async () => {
  await expect(token()).rejects.toThrow('the issuer answered 503');
  refuse = false;
  expect([await token(), await token()]).toEqual([{ value: 't2' }, { value: 't2' }]);
  expect(asked[1]).toBe('grant_type=client_credentials&client_id=orders&client_secret=s');
});
