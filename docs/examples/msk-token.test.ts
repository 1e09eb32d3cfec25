import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { kafkaOptions, kafkaSettings, type TokenProvider } from 'convergekit/kafka';
import { afterAll, expect, expectTypeOf, it, vi } from 'vitest';
import type { token } from './msk-token.ts';

const folder = mkdtempSync(join(tmpdir(), 'converge-msk-'));
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

it('the example for MSK returns what the signer of AWS signs for the region, as a token module of the kit', async () => {
  expectTypeOf<typeof token>().toExtend<TokenProvider>();
  const signer = join(folder, 'node_modules/aws-msk-iam-sasl-signer-js');
  mkdirSync(signer, { recursive: true });
  writeFileSync(join(signer, 'package.json'), '{ "type": "module", "exports": "./index.js" }');
  writeFileSync(
    join(signer, 'index.js'),
    'export const generateAuthToken = async ({ region }) => ({ token: `signed for ${region}`, expiryTime: 0 });',
  );
  const module = join(folder, 'msk-token.ts');
  copyFileSync(fileURLToPath(new URL('msk-token.ts', import.meta.url)), module);
  vi.stubEnv('AWS_REGION', 'eu-central-1');
  const sasl = { mechanism: 'oauthbearer', tokenModule: module };
  const options = kafkaOptions(kafkaSettings.parse({ brokers: ['b-1:9098'], ssl: true, sasl }));
  const login = options.sasl?.mechanism === 'oauthbearer' ? options.sasl : undefined;
  expect(await login?.token()).toEqual({ value: 'signed for eu-central-1' });
});
