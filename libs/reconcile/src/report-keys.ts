import type { Executor } from '@convergekit/postgres';
import { ReconcileError } from './errors.ts';
import { enqueueKeys, retryKeys } from './key-queue.ts';
import type { Reconciler } from './reconciler.ts';

export type ReportRequest =
  | {
      /** The origin of the report: an event, whose keys wait for the debounce. @default 'event' */
      readonly by?: 'event';
      /** The cause for the audit, such as the event's id. */
      readonly cause: string;
    }
  | {
      /** An operator goes before all events, and lets keys start again that were given up. */
      readonly by: 'operator';
      /** The operator and the reason, for a row of `converge.audit` for each key. */
      readonly actor: string;
      /** The reason, in words that an auditor understands. */
      readonly reason: string;
    };

/**
 * Reports keys that may have diverged.
 * In an event handler pass its own transaction: the report and the watermark commit together. Reports of one key within
 * the debounce window cause one run. An operator's report needs the rights of an operator; it rejects with
 * REPORT_UNNAMED when it does not say who it is by, and why.
 * @example
 * ```ts
 * import { defineConsumer, reportKeys } from 'convergekit';
 * import { executorOf } from 'convergekit/postgres';
 * import { orderPlaced, type ShopDb, stock } from './shop.ts';
 *
 * export const orders = defineConsumer<ShopDb>('stock-reports').on(orderPlaced, ({ data, id }, { tx }) =>
 *   reportKeys(executorOf(tx), stock, [data.orderId], { cause: id }),
 * );
 * ```
 */
export async function reportKeys(
  executor: Executor,
  { name, timing }: Reconciler,
  keys: readonly string[],
  request: ReportRequest,
): Promise<void> {
  if (request.by === 'operator') return reportByOperator(executor, name, keys, request);
  const { quietMs, maxWaitMs } = timing;
  await enqueueKeys(executor, {
    reconciler: name,
    keys,
    priority: 'event',
    cause: request.cause,
    quietMs,
    maxWaitMs,
  });
}

async function reportByOperator(
  executor: Executor,
  name: string,
  keys: readonly string[],
  // A caller in JavaScript may leave out what the type demands.
  { actor = '', reason = '' }: { readonly actor?: string; readonly reason?: string },
): Promise<void> {
  if (actor.trim() === '' || reason.trim() === '')
    throw new ReconcileError(
      `reportKeys by an operator for ${name} has no ${actor.trim() === '' ? 'actor' : 'reason'}: pass { by: 'operator', actor, reason }, which the audit keeps`,
      { code: 'REPORT_UNNAMED', category: 'bug' },
    );
  await retryKeys(executor, name, keys, { by: actor, reason });
}
