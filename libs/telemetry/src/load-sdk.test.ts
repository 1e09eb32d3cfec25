import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { INSTALL, isMissing } from './load-sdk.ts';

const named = (message: string) => Object.assign(new Error(message), { code: 'ERR_MODULE_NOT_FOUND' });

it('packages of the SDK that are not installed are another case than other faults of loading it', () => {
  expect(isMissing(named(`Cannot find package '@opentelemetry/sdk-node' imported from /app/sdk.js`))).toBe(
    true,
  );
  expect(isMissing(named(`Cannot find module '/app/names.js' imported from /app/sdk.js`))).toBe(false);
  expect(isMissing(new Error('@opentelemetry/sdk-node is broken'))).toBe(false);
});

it('the command that installs the SDK names the versions that the kit is tested with', () => {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  const { peerDependencies } = JSON.parse(manifest) as { peerDependencies: Record<string, string> };
  for (const name of ['@opentelemetry/sdk-node', '@opentelemetry/exporter-prometheus'])
    expect(INSTALL).toContain(`${name}@${peerDependencies[name] ?? ''}`);
});
