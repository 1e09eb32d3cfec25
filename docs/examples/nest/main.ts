import 'reflect-metadata';
import { localBroker } from 'convergekit/process';
import { NestFactory } from '@nestjs/core';
import { connect } from 'convergekit/postgres';
import { appModule } from './app.ts';

/** The process. Its events are in Postgres; for Kafka take `kafkaBroker({ brokers, clientId })` of convergekit/kafka. */
const { DATABASE_URL: url = '', PORT = '3000' } = process.env;
const app = await NestFactory.create(appModule(connect({ url }), localBroker({ url, clientId: 'shop' })));
app.enableShutdownHooks();
await app.listen(Number(PORT), '127.0.0.1');
