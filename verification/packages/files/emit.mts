/** Emits with the application's own pool and tracer provider, and prints what both have seen. */
import { ROOT_CONTEXT, type Span, trace, type Tracer } from '@opentelemetry/api';
import { Kysely, PostgresDialect } from 'kysely';
import { defineEvent } from 'convergekit';
import { createOutbox } from 'convergekit/postgres';
import pg from 'pg';
import { z } from 'zod';

const spans: string[] = [];
const started = (name: string): Span => {
  spans.push(name);
  return trace.wrapSpanContext({ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1 });
};
const tracer = {
  startSpan: started,
  startActiveSpan: (name: string, ...rest: unknown[]) =>
    (rest.at(-1) as (span: Span) => unknown)(started(name)),
} as Tracer;
trace.setGlobalTracerProvider({ getTracer: () => tracer });
if (trace.getSpan(ROOT_CONTEXT) !== undefined) throw new Error('a span is active');

const emitted = defineEvent({
  type: 'trial.emitted',
  version: 1,
  topic: 'trial.emitted',
  key: ({ id }) => id,
  data: z.object({ id: z.string() }),
});
const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'] ?? '' });
const db = new Kysely<object>({ dialect: new PostgresDialect({ pool }) });
await createOutbox([emitted]).transaction(db, ({ emit }) => {
  emit(emitted({ id: 'x' }));
  return Promise.resolve();
});
const { rows } = await pool.query<{ n: number }>(
  `select count(*)::int as n from converge.outbox where topic = 'trial.emitted'`,
);
process.stdout.write(JSON.stringify({ spans, events: rows[0]?.n }));
await db.destroy();
