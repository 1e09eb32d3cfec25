import type { Admin, Broker } from '@convergekit/broker';
import { explain } from '@convergekit/operate/host';
import { conflict } from './errors.ts';

/** Returns the broker. Refuses where none is set. */
export function requireBroker(broker: Broker | undefined): Broker {
  if (broker === undefined) throw conflict('no broker is set: give the console KAFKA_BROKERS');
  return broker;
}

/** Asks the broker, by a client that is closed after it. Refuses where no broker is set. */
export async function askBroker<T>(
  broker: Broker | undefined,
  ask: (admin: Admin) => Promise<T>,
): Promise<T> {
  const admin = await requireBroker(broker).admin();
  try {
    return await ask(admin);
  } finally {
    await admin.close();
  }
}

/** What the broker knows, or why it is not known. */
type Asked<T> =
  { readonly found: T; readonly why: null } | { readonly found: undefined; readonly why: string };

/** Asks the broker for a part of a page: one that is not set, or does not answer, is no failure of the page. */
export function tryBroker<T>(
  broker: Broker | undefined,
  ask: (admin: Admin) => Promise<T>,
): Promise<Asked<T>> {
  return askBroker(broker, ask).then(
    (found) => ({ found, why: null }),
    (error: unknown) => ({ found: undefined, why: explain(error).message }),
  );
}
