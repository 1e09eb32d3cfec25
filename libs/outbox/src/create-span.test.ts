import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

// The program runs in a separate process, because an SDK registers itself permanently.
const program = `
  const { startTelemetry } = await import('@convergekit/telemetry/sdk');
  const { withSpan } = await import('@convergekit/telemetry');
  const { defineEvent } = await import('@convergekit/contracts');
  const { createOutbox } = await import('@convergekit/outbox');
  const { z } = await import('zod');
  const telemetry = startTelemetry({ serviceName: 'test' });
  const made = defineEvent('a.made', { version: 1, topic: 'a.topic', key: () => 'secret' + '-key', data: z.object({}) });
  const executor = { query: async (text, values) => {
    if (/outbox_append/.test(text)) console.error(values[4]);
    return { rows: [{ written: '1:1' }], rowCount: 1 };
  } };
  await withSpan('request', { kind: 'server' }, (span) => {
    console.error(span.spanContext().traceId, span.spanContext().spanId);
    return createOutbox([made]).append(executor, [made({})]);
  });
  console.error((await telemetry.scrape()).body.split('\\n').find((line) => line.startsWith('converge_outbox_emitted')));
  await telemetry.shutdown();
  process.exit();`;

/** Receives the spans that are pushed as JSON. */
async function collecting<T>(
  fn: (env: Record<string, string>, spans: () => string) => Promise<T>,
): Promise<T> {
  let text = '';
  const server = createServer((request, response) => {
    request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    request.on('end', () => response.setHeader('content-type', 'application/json').end('{}'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const endpoint = `http://127.0.0.1:${port}/v1/traces`;
  try {
    return await fn(
      { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' },
      () => text,
    );
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

async function runWith(env: Record<string, string>) {
  const args = ['--conditions=source', '--input-type=module', '-e', program];
  const { stderr } = await promisify(execFile)(process.execPath, args, {
    cwd: import.meta.dirname,
    env: { PATH: process.env['PATH'], ...env },
  });
  const [ids = '', headers = '{}', emitted] = stderr.split('\n');
  const { traceparent = '' } = JSON.parse(headers) as { traceparent?: string };
  const [traceId, spanId] = ids.split(' ');
  return { emitted, traceId, spanId, stored: traceparent.split('-') };
}

describe('the context that an event is stored with', () => {
  it('an event stores a span of its own in the trace of the request if spans are collected', async () => {
    await collecting(async (env, spans) => {
      const { traceId, spanId, stored } = await runWith(env);
      expect(stored[1]).toBe(traceId);
      expect(stored[2]).not.toBe(spanId);
      expect(spans()).toContain('"name":"create a.topic"');
      expect(spans()).toContain(`"spanId":"${stored[2] ?? ''}"`);
      expect(spans()).not.toContain('secret-key');
    });
  });

  it('an event stores the context of the request if spans are not collected', async () => {
    const { emitted, traceId, spanId, stored } = await runWith({});
    expect(emitted).toBe('converge_outbox_emitted_total{converge_topic="a.topic"} 1');
    expect(stored).toEqual(['00', traceId, spanId, '01']);
  });
});
