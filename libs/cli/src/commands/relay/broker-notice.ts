import type { Broker } from '@convergekit/broker';
import { systemClock, type Clock, type Service } from '@convergekit/core';
import { type Check } from '@convergekit/config';
import type { Logger } from '@convergekit/telemetry';

const AGAIN_MS = 2_000;

export interface BrokerNotice extends Service {
  check(): Check;
}

export interface BrokerNoticeParts {
  readonly broker: Pick<Broker, 'admin'>;
  /** Whether a relay of this process is on standby while another one leads. */
  readonly standsBy: () => boolean;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly clock?: Clock;
}

/**
 * Checks from the start whether a broker answers, until one does: for readiness, and for a standby, which needs none
 * before it takes over, when a warning would come too late. A relay that may lead checks first, and logs by itself.
 */
export function brokerNotice({
  broker,
  standsBy,
  log,
  clock = systemClock,
}: BrokerNoticeParts): BrokerNotice {
  const stopping = new AbortController();
  let asking: Promise<void> = Promise.resolve();
  let state: Check = { ok: false, detail: 'not asked yet' };
  const done = Promise.withResolvers<undefined>();

  const ask = async (): Promise<void> => {
    let warned = false;
    while (!stopping.signal.aborted) {
      const trouble = await troubleOf(broker);
      state = trouble === undefined ? { ok: true } : { ok: false, detail: trouble };
      if (trouble === undefined) {
        if (warned) log.info('a broker answers now');
        return;
      }
      if (!warned && standsBy()) {
        log.warn(`this standby could not take over: ${trouble}`);
        warned = true;
      }
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
