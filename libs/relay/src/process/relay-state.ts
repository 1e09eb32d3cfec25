import type { HeldTopic } from '../backlog/flow-state.ts';
import type { RelayStatus } from '../watch/status.ts';
import type { Check, Checks } from '@convergekit/config';

/**
 * The readiness of a relay. A standby that could take over is as ready as a leader; a leader with a halted topic is
 * ready, too: the other topics flow, and a restart would fix nothing. Pure.
 */
export function relayCheck(status: RelayStatus): Check {
  switch (status.state) {
    case 'leading': {
      const detail = [`leading, term ${status.term}`, ...status.held.map(heldText)].join('; ');
      return status.trouble === undefined
        ? { ok: true, detail }
        : { ok: false, detail: `${detail}; ${status.trouble}` };
    }
    case 'standby':
      return status.trouble === undefined
        ? { ok: true, detail: `standing by${status.heldBy === undefined ? '' : `: ${status.heldBy} leads`}` }
        : { ok: false, detail: status.trouble };
    case 'new':
    case 'stopping':
    case 'stopped':
      return { ok: false, detail: status.state };
  }
}

/**
 * Returns the readiness checks of a relay. `asked` is the result of the broker check at the start: with an empty outbox
 * the relay itself may not have needed a broker yet. The function is pure.
 */
export function relayChecks(status: RelayStatus, asked: Check): Checks {
  const { alarms, troubleFrom } = status;
  const trouble = status.state === 'leading' || status.state === 'standby' ? status.trouble : undefined;
  const without = (from: RelayStatus['troubleFrom']): Check =>
    trouble !== undefined && troubleFrom === from ? { ok: false, detail: trouble } : { ok: true };
  const broker: Check =
    status.state === 'leading' && trouble !== undefined ? { ok: false, detail: trouble } : without('broker');
  return {
    database: without('database'),
    broker: asked.ok ? broker : asked,
    relay: relayCheck(status),
    // Alarms do not decide readiness: their causes are among the other checks.
    alarms: { ok: true, detail: alarms.length === 0 ? 'none' : alarms.map(({ name }) => name).join(', ') },
  };
}

/** True when another relay leads, and this one would take over. The function is pure. */
export function standsBy(status: RelayStatus): boolean {
  return status.state === 'standby' && status.heldBy !== undefined && status.trouble === undefined;
}

function heldText({ topic, state, code }: HeldTopic): string {
  return state === 'halted' ? `topic ${topic} is halted (${code ?? 'no code'})` : `topic ${topic} catches up`;
}
