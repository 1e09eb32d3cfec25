import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const program = `
  const { startTelemetry } = await import('@convergekit/telemetry/sdk');
  const { withSpan } = await import('@convergekit/telemetry');
  const { instruments } = await import('@convergekit/telemetry/engine');
  const telemetry = startTelemetry({ serviceName: 'test' });
  await withSpan('a', { kind: 'internal' }, async () => instruments().relayPublished.add(1));
  const began = performance.now();
  await telemetry.shutdown();
  console.log(performance.now() - began < 4_000 ? 'in time' : 'late');
  if (process.env.OTEL_EXPORTER_OTLP_ENDPOINT !== undefined) process.exit();`;

async function runWith(env: Record<string, string>): Promise<{ stdout: string; stderr: string }> {
  return promisify(execFile)(
    process.execPath,
    ['--conditions=source', '--input-type=module', '-e', program],
    {
      cwd: import.meta.dirname,
      env: { PATH: process.env['PATH'], ...env },
    },
  );
}

it(
  'without an endpoint the SDK prints nothing and does not keep the process alive',
  { timeout: 20_000 },
  async () => {
    expect(await runWith({})).toEqual({ stdout: 'in time\n', stderr: '' });
  },
);

it(
  'the shutdown is bounded when the endpoint does not answer, and does not fail',
  { timeout: 20_000 },
  async () => {
    const { stdout } = await runWith({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' });
    expect(stdout).toBe('in time\n');
  },
);
