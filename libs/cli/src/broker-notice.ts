import type { Broker } from '@converge/kafka';
import { systemClock, type Check, type Clock, type Service } from '@converge/runtime';
import type { Logger } from '@converge/telemetry';

const AGAIN_MS = 2_000;

export interface BrokerNotice extends Service {
  check(): Check;
}

/**
 * Asks at start whether a broker answers, and says so once when none does: the relay itself would notice only with
 * the first event. Asks until one answers; later troubles are the relay's to tell.
 */
export function brokerNotice(
  broker: Pick<Broker, 'admin'>,
  log: Pick<Logger, 'info' | 'warn'>,
  clock: Clock = systemClock,
): BrokerNotice {
  const stopping = new AbortController();
  let asking: Promise<void> = Promise.resolve();
  let state: Check = { ok: false, detail: 'not asked yet' };
  const done = Promise.withResolvers<undefined>();

  const ask = async (): Promise<void> => {
    let told = false;
    while (!stopping.signal.aborted) {
      const trouble = await troubleOf(broker);
      state = trouble === undefined ? { ok: true } : { ok: false, detail: trouble };
      if (trouble === undefined) {
        if (told) log.info('a broker answers now');
        return;
      }
      if (!told) log.warn(`waiting for Kafka, events stay in the outbox meanwhile: ${trouble}`);
      told = true;
      await clock.sleep(AGAIN_MS, stopping.signal);
    }
  };
  return {
    name: 'broker notice',
    done: done.promise,
    check: () => state,
    start: () => {
      asking = ask();
      return Promise.resolve();
    },
    stop: async () => {
      stopping.abort();
      await asking;
      done.resolve(undefined);
    },
  };
}

async function troubleOf(broker: Pick<Broker, 'admin'>): Promise<string | undefined> {
  try {
    const admin = await broker.admin();
    await admin.close();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
