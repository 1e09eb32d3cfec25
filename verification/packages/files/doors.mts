/** Every door of convergekit, as an ES module. */
import { defineConsumer, defineEvent, saga, service, step } from 'convergekit';
import { httpServer } from 'convergekit/http';
import { kafkaBroker } from 'convergekit/kafka';
import { createOutbox } from 'convergekit/postgres';
import { consumerService } from 'convergekit/process';
import { startTelemetry } from 'convergekit/telemetry';

export const doors = [
  ...[defineConsumer, defineEvent, saga, service, step],
  ...[consumerService, createOutbox, httpServer, kafkaBroker, startTelemetry],
].map((one) => one.name);
process.stdout.write(`${doors.join(' ')}\n`);
