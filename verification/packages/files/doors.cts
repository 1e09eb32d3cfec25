/** Every door of convergekit, as CommonJS. */
import { defineConsumer, defineEvent, defineSaga, defineService, step } from 'convergekit';
import { consumerService } from 'convergekit/process';
import { kafkaBroker } from 'convergekit/kafka';
import { startTelemetry } from 'convergekit/telemetry';

export const doors = [
  ...[defineConsumer, defineEvent, defineSaga, defineService, step],
  ...[consumerService, kafkaBroker, startTelemetry],
].map((one) => one.name);
process.stdout.write(`${doors.join(' ')}\n`);
