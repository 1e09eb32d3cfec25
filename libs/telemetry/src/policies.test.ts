import { expect, it } from 'vitest';
import { recordPolicies } from './policies.ts';
import { startTelemetry } from './sdk.ts';

it('S36: age and refused rules of the central policies are metrics', async () => {
  const telemetry = startTelemetry({ serviceName: 'test' });
  recordPolicies({ version: 7, staleMs: 61_500, refused: [{}] });
  const { body } = await telemetry.scrape();
  await telemetry.shutdown();
  const value = (name: string) => new RegExp(`^${name}(?:{[^}]*})? (\\S+)$`, 'm').exec(body)?.[1];
  expect({
    version: value('converge_policy_version'),
    stale: value('converge_policy_staleness_seconds'),
    refused: value('converge_policy_refused'),
  }).toEqual({ version: '7', stale: '61.5', refused: '1' });
});
