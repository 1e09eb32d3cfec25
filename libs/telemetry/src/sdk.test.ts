import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { instruments } from './engine.ts';
import { providersAreSet } from './providers.ts';
import { withSpan } from './index.ts';
import { openSpan } from './spans.ts';
import { type EndedSpan, startTelemetry } from './sdk.ts';

const program = `
  const { startTelemetry } = await import('@convergekit/telemetry/sdk');
  const { withSpan } = await import('@convergekit/telemetry');
  const { instruments } = await import('@convergekit/telemetry/engine');
  const telemetry = startTelemetry({ serviceName: 'test' });
  await withSpan('a', { kind: 'internal' }, async () => instruments().relayPublished.add(1));
  await telemetry.shutdown();
  console.log('ended');
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

it('without an endpoint the SDK prints nothing and does not keep the process alive', async () => {
  expect(await runWith({})).toEqual({ stdout: 'ended\n', stderr: '' });
});

// Planted fault: without `endsWithin` the shutdown waits for the export, and this test for its end.
it('the shutdown is bounded when the endpoint does not answer, and does not fail', async () => {
  const silent = createServer(() => undefined).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const { stdout } = await runWith({
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
    OTEL_EXPORTER_OTLP_TIMEOUT: '600000',
    OTEL_BSP_EXPORT_TIMEOUT: '600000',
    OTEL_METRIC_EXPORT_INTERVAL: '600000',
    OTEL_METRIC_EXPORT_TIMEOUT: '600000',
  });
  expect(stdout).toBe('ended\n');
  silent.close();
});

// Planted fault: a provider that stays registered after its end, beside which the API refuses every other one.
it('telemetry that is started again in a process records again', async () => {
  const record = async (name: string) => {
    const spans: EndedSpan[] = [];
    const telemetry = startTelemetry({ serviceName: 'test', onSpan: (span) => spans.push(span) });
    await withSpan(name, { kind: 'internal' }, () => Promise.resolve(instruments().relayPublished.add(1)));
    const { body } = await telemetry.scrape();
    await telemetry.shutdown();
    expect(providersAreSet()).toBe(false);
    return [
      ...spans.map((span) => span.name),
      /^converge_relay_published_total(?:{[^}]*})? (\d+)$/m.exec(body)?.[1],
    ];
  };
  expect(await record('first')).toEqual(['first', '1']);
  expect(await record('second')).toEqual(['second', '1']);
});

// Planted fault: the later start silences the costly spans of the earlier one, and its end brings them back.
it('telemetry that is started beside another leaves the spans of that one alone', async () => {
  const spans: string[] = [];
  const first = startTelemetry({ serviceName: 'first', onSpan: ({ name }) => spans.push(name) });
  const second = startTelemetry({ serviceName: 'second' });
  openSpan('beside', { kind: 'internal' })?.end();
  await second.shutdown();
  openSpan('after', { kind: 'internal' })?.end();
  await first.shutdown();
  expect(spans).toEqual(['beside', 'after']);
});
