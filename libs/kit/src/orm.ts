/** Executors for `outbox.append` from the transaction of an ORM. */
export { executorFrom } from '@convergekit/outbox/orm';
