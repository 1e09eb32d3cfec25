/** Exports for other packages of the kit; applications do not need them. They may change in any version. */
export { Counter, type CounterRow, type Waiting } from './counter.ts';
export { writeCounters } from './write-counters.ts';
export { afterCommit, afterRollback } from './after-commit.ts';
// The error and `executorOf` are exports of the package too; here they come without the pool, and so without Kysely.
export { DatabaseError, isRefusedConnection, sqlState } from './errors.ts';
export { executorOf, executorOfClient } from './executor.ts';
export { asksForRerun, kyselyTransaction } from './transaction.ts';
export { rawQuery } from './raw-query.ts';
export { otherUrls, urlOf } from './address.ts';
export { type CopyExecutor, quoteLiteral } from './copy-binary.ts';
export { type TupleBlock, TupleReader, TupleWriter } from './tuples.ts';
export { acquireLease, endsTooLate, otherHolder, releaseLease, renewLease, SERVER_STARTED } from './lease.ts';
export { LeasedTable } from './leased-table.ts';
export { hasTables } from './has-tables.ts';
export { type Send, senderOf } from './pipeline.ts';
export { failedWithCommit, type LastStatement, type NamedStatement, sendLast } from './last-statement.ts';
export type { Session } from './session.ts';
export { answers } from './silence/answers.ts';
export { removeOld } from './remove-old.ts';
export { sendAhead } from './send-ahead.ts';
export { type GivenColumns, givenColumns, givenRows, type Statement } from './given-rows.ts';
export { listenHere } from './notify/commit-watch.ts';
export { notifyAfterCommit } from './statement-marks.ts';
export { ownSession, type OwnSession } from './own-session.ts';
export { checkedClient, clientOf } from './transaction-client.ts';
export { aroundStatements } from './guard/around-statements.ts';
export { awaitedStatements, CallStatements, statementTooLate } from './guard/call-statements.ts';
export { guardOf, refuseControl, type TransactionGuard } from './guard/transaction-guard.ts';
