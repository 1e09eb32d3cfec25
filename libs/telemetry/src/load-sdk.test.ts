import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { INSTALL, isMissing, namesExporter } from './load-sdk.ts';

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

it('an exporter is wanted where a variable names one, and the SDK is not turned off', () => {
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' };
  expect(namesExporter(endpoint)).toBe(true);
  expect(namesExporter({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://collector:4318' })).toBe(true);
  expect(namesExporter({ OTEL_METRICS_EXPORTER: 'otlp' })).toBe(true);
  expect(namesExporter({ OTEL_TRACES_EXPORTER: 'none', OTEL_SERVICE_NAME: 'x' })).toBe(false);
  expect(namesExporter({ ...endpoint, OTEL_SDK_DISABLED: 'true' })).toBe(false);
});
