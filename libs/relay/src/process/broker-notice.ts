import type { Broker } from '@convergekit/broker';
import { type Clock, type Service, systemClock } from '@convergekit/core';
import { loopService, messageOf, poll } from '@convergekit/core/engine';
import { type Check } from '@convergekit/config';
import type { Logger } from '@convergekit/telemetry';

const AGAIN_MS = 2_000;
const again = { baseMs: AGAIN_MS, factor: 1, capMs: AGAIN_MS };

export interface BrokerNotice extends Service {
  check(): Check;
}

export interface BrokerNoticeParts {
  readonly broker: Pick<Broker, 'admin'>;
  /** Returns whether a relay of this process is on standby while another one leads. */
  readonly standsBy: () => boolean;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly clock?: Clock;
}

/**
 * Checks from the start whether a broker answers, until one does. The result serves readiness, and a standby, which
 * needs no broker before it takes over, when a warning would come too late. A relay that may lead checks first, and
 * logs by itself.
 */
export function brokerNotice({
  broker,
  standsBy,
  log,
  clock = systemClock,
}: BrokerNoticeParts): BrokerNotice {
  const answered = new AbortController();
  let state: Check = { ok: false, detail: 'not asked yet' };
  let warned = false;
  const run = async (): Promise<void> => {
    const admin = await broker.admin();
    await admin.close();
    state = { ok: true };
    answered.abort();
    if (warned) log.info('a broker answers now');
  };
  const onError = (error: unknown): void => {
    const detail = messageOf(error);
    state = { ok: false, detail };
    if (warned || !standsBy()) return;
    log.warn(`this standby could not take over: ${detail}`);
    warned = true;
  };
  const service = loopService({
    name: 'broker notice',
    run: (stopping) => {
      const signal = AbortSignal.any([stopping, answered.signal]);
      return poll({ everyMs: AGAIN_MS, backoff: again, signal, run, onError, clock });
    },
  });
  return { ...service, check: () => state };
}
