import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

// The program runs in a separate process, because an SDK registers itself permanently.
const program = `
  const { startTelemetry } = await import('@convergekit/telemetry/sdk');
  const { instruments } = await import('@convergekit/telemetry/engine');
  const telemetry = startTelemetry({ serviceName: 'scraped' });
  instruments().relayPublished.add(3, { 'converge.topic': 'orders' });
  instruments().outboxAge.recordMs(1500, { 'converge.source': 'shop' });
  instruments().relayPublishDuration.recordMs(40);
  console.log((await telemetry.scrape()).contentType);
  console.log((await telemetry.scrape()).body);
  await telemetry.shutdown();
  process.exit();`;

async function runWith(env: Record<string, string>): Promise<readonly string[]> {
  const args = ['--conditions=source', '--input-type=module', '-e', program];
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    cwd: import.meta.dirname,
    env: { PATH: process.env['PATH'], ...env },
  });
  return stdout.split('\n');
}

it('a scrape returns the instruments as Prometheus text, with base units in their names', async () => {
  const lines = await runWith({});
  expect(lines[0]).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(lines).toContain('# TYPE converge_relay_published_total counter');
  expect(lines).toContain('converge_relay_published_total{converge_topic="orders"} 3');
  expect(lines).toContain('converge_outbox_age_seconds{converge_source="shop"} 1.5');
  expect(lines).toContain('converge_relay_publish_duration_seconds_bucket{le="0.05"} 1');
  expect(lines.find((line) => line.startsWith('target_info'))).toContain('service_name="scraped"');
});

it('a scrape works while metrics are pushed to a collector as well', async () => {
  const pushed: (string | undefined)[] = [];
  const collector = createServer((request, response) => {
    pushed.push(request.url);
    request.resume().on('end', () => response.end());
  });
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
  const { port } = collector.address() as AddressInfo;
  const lines = await runWith({ OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` });
  collector.close();
  expect(lines).toContain('converge_relay_published_total{converge_topic="orders"} 3');
  expect(pushed).toContain('/v1/metrics');
});
