import { logger, type OperationContext } from 'convergekit';
import { exitOnUncaught, observeAttempts, startTelemetry, traceAttempts } from 'convergekit/telemetry';
import { pay } from './shop.ts';

const log = logger('payments');
exitOnUncaught(log);
const telemetry = await startTelemetry({ serviceName: 'payments' });

/** The `call` of an operation: each attempt is a span. */
export const call = traceAttempts('payment.charge', (cents: number, context: OperationContext) =>
  pay(cents, context.idempotencyKey ?? '', context.signal),
);
/** Its `onAttempt`: counts, durations and waits of attempts. */
export const onAttempt = observeAttempts({ operation: 'payment.charge' });

/** The `metrics` of the health server. */
export const metrics = () => telemetry.scrape();

log.info({ orderId: 'o-1' }, 'charged');
