/** Every door of convergekit, as an ES module. */
import { defineConsumer, defineEvent, defineSaga, defineService, step } from 'convergekit';
import { httpAnswer } from 'convergekit/http';
import { kafkaBroker } from 'convergekit/kafka';
import { createOutbox } from 'convergekit/postgres';
import { consumerService } from 'convergekit/process';
import { startTelemetry } from 'convergekit/telemetry';

export const doors = [
  ...[defineConsumer, defineEvent, defineSaga, defineService, step],
  ...[consumerService, createOutbox, httpAnswer, kafkaBroker, startTelemetry],
].map((one) => one.name);
process.stdout.write(`${doors.join(' ')}\n`);
