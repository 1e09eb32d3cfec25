/** Exports for other packages of the kit; applications do not need them. They may change in any version. */
export { afterCommit, afterRollback } from './after-commit.ts';
// These four are exports of the package too; here they come without the pool, and so without Kysely.
export { DatabaseError } from './errors.ts';
export { executorOf, executorOfClient } from './executor.ts';
export { asksForRerun, kyselyTransaction, withTransaction } from './transaction.ts';
export { rawQuery } from './raw-query.ts';
export { otherUrls } from './address.ts';
export { sqlState } from './errors.ts';
export { type CopyExecutor, copyExecutorOfClient, quoteLiteral } from './copy-binary.ts';
export { type TupleBlock, TupleReader, TupleWriter } from './tuples.ts';
export { acquireLease, releaseLease, renewLease } from './lease.ts';
export { LeasedTable } from './leased-table.ts';
export { hasTables } from './has-tables.ts';
export { type Send, senderOf } from './pipeline.ts';
export {
  failedWithCommit,
  type LastStatement,
  type NamedStatement,
  sendLast,
  type Session,
} from './last-statement.ts';
export { answers } from './silence/answers.ts';
export { readMigrations } from './migration-files.ts';
export { removeOld } from './remove-old.ts';
export { sendAhead } from './send-ahead.ts';
export { type GivenColumns, givenColumns, givenRows, type Statement } from './given-rows.ts';
export { listenHere } from './notify/commit-watch.ts';
export { notifyAfterCommit } from './notify/commit-marks.ts';
export { ownSession, type OwnSession } from './own-session.ts';
export { isWarning } from './severity.ts';
export { checkedClient, clientOf } from './transaction-client.ts';
export { guardOf, refuseControl, type TransactionGuard } from './guard/transaction-guard.ts';
export { migrationName } from './migration-files.ts';
export { urlOf } from './address.ts';
