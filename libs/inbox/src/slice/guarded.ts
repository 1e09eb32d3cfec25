import type { KyselyPlugin, Transaction } from 'kysely';
import { InboxError } from '../errors.ts';

export interface Guarded<DB> {
  readonly tx: Transaction<DB>;
  close(): void;
}

/**
 * The slice's transaction for one call of a handler. Closed when the call has ended: a handler that was left behind
 * would otherwise send statements to a connection that is no longer in this transaction.
 */
export function guarded<DB>(tx: Transaction<DB>, handler: string): Guarded<DB> {
  let open = true;
  const plugin: KyselyPlugin = {
    transformQuery: ({ node }) => {
      if (open) return node;
      throw ended(handler);
    },
    transformResult: ({ result }) => Promise.resolve(result),
  };
  return { tx: tx.withPlugin(plugin), close: () => (open = false) };
}

export function ended(handler: string): InboxError {
  return new InboxError(
    'HANDLER_ENDED',
    `handler ${handler} used its transaction after it had ended: await every statement before the handler returns`,
    { category: 'bug' },
  );
}
