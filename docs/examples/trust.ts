import { readFileSync } from 'node:fs';
import type { Broker } from 'convergekit/kafka';
import { consumerService } from 'convergekit/process';
import type { Database } from 'convergekit';
import { stock, type StockDb } from './write-a-consumer.ts';

/** The consumer of “write a consumer”, which verifies the signatures of the source `orders`. */
export const signedStock = (database: Database<StockDb>, broker: Broker, keyFile: string) =>
  consumerService([stock], {
    database,
    broker,
    signatures: { keys: { orders: readFileSync(keyFile, 'utf8') } }, // by the source's name
  });
