import { AsyncLocalStorage } from 'node:async_hooks';
import type { DomainEvent } from '@convergekit/contracts';
import { OutboxError } from '@convergekit/outbox';

/** The events of one transaction, or of one nested in it, until they are written. */
interface Collected {
  readonly events: DomainEvent[];
  open: boolean;
}

const current = new AsyncLocalStorage<Collected>();

/**
 * Emits events in the transaction of the running code, which `withOutbox` follows. Inject it, or make one.
 * @example
 * ```ts
 * import { TransactionEvents } from '@convergekit/nest';
 * import { orderPlaced } from './shop.ts';
 *
 * export class Orders {
 *   readonly events = new TransactionEvents();
 *
 *   // Called in a transaction of `@Transactional()`.
 *   place(orderId: string, cents: number): void {
 *     this.events.emit(orderPlaced({ orderId, cents }));
 *   }
 * }
 * ```
 */
export class TransactionEvents {
  /** Emits an event: it is written just before the commit, and not at all when the transaction fails. */
  emit(event: DomainEvent): void {
    const around = current.getStore();
    if (around?.open !== true)
      throw new OutboxError(
        `${event.type} was emitted outside of a transaction: nothing would be written with it. Emit it in a method with @Transactional(), or in txHost.withTransaction(…), whose adapter is withOutbox(adapter, …).`,
        { code: 'NO_TRANSACTION', category: 'bug' },
      );
    around.events.push(event);
  }
}

/** Runs the function of a transaction, then writes what it emitted. */
export function collecting<T>(
  work: () => Promise<T>,
  write: (events: readonly DomainEvent[]) => Promise<unknown>,
): Promise<T> {
  const own: Collected = { events: [], open: true };
  return current.run(own, async () => {
    try {
      const result = await work();
      own.open = false;
      if (own.events.length > 0) await write(own.events);
      return result;
    } finally {
      own.open = false;
    }
  });
}

/** Runs the function of a nested transaction. What it emits belongs to the outer one when it has succeeded. */
export function collectingNested<T>(work: () => Promise<T>): Promise<T> {
  const outer = current.getStore();
  return collecting(work, (events) => {
    outer?.events.push(...events);
    return Promise.resolve();
  });
}
