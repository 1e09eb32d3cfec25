/** The measured process: consumes in the way that its first argument says until SIGTERM. */
import { bare, kafkajsEachMessage } from './by-hand.ts';
import { converge } from './converge.ts';
import type { Orders, Stop, Way } from './ways.ts';

const programs: Readonly<Record<Way, (orders: Orders) => Promise<Stop>>> = {
  'converge-each': converge,
  'converge-write': converge,
  'converge-batch': converge,
  'converge-failing': converge,
  'unsafe-each': converge,
  'unsafe-batch': converge,
  'bare-each': bare,
  'bare-batch': bare,
  'uuid-each': bare,
  'uuid-batch': bare,
  'kafkajs-each-message': kafkajsEachMessage,
};

const orders = JSON.parse(process.argv[2] ?? '{}') as Orders;
const stop = await programs[orders.way](orders);
process.once('SIGTERM', () => void stop().finally(() => process.exit(0)));
