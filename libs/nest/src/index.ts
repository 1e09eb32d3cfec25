/**
 * Converge in a NestJS application. Guarantees:
 * - services start in order when the application has started, and stop in reverse order before its providers do;
 * - a service that fails ends the application;
 * - in a transaction of @nestjs-cls/transactional, events are written if and only if the transaction commits, and those of
 *   a nested transaction only if it does, too.
 */
export { ConvergeModule } from './converge-module.ts';
export { CONVERGE_DATABASE, CONVERGE_OUTBOX, type ConvergeOptions } from './options.ts';
export { TransactionEvents } from './transaction-events.ts';
export { withOutbox } from './with-outbox.ts';
