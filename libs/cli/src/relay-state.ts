import type { Relay, RelayStatus } from '@converge/relay';
import type { Check, Service } from '@converge/runtime';
import type { Logger } from '@converge/telemetry';

const LOOK_MS = 250;

/** What readiness says of a relay. A standby that could take over is as ready as a leader. Pure. */
export function relayCheck(status: RelayStatus): Check {
  switch (status.state) {
    case 'leading': {
      const held = status.held.map((topic) => topic.topic).join(', ');
      const detail = `leading, term ${status.term}${held === '' ? '' : `; held topics: ${held}`}`;
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

/** Says who leads whenever that is somebody else; the relay itself says when it leads. */
export function tellStandby(relay: Pick<Relay, 'status'>, log: Pick<Logger, 'info'>): Service {
  const done = Promise.withResolvers<undefined>();
  let told: string | undefined;
  const look = (): void => {
    const status = relay.status();
    const leader = status.state === 'standby' ? status.heldBy : undefined;
    if (leader !== undefined && leader !== told) log.info({ leader }, 'standing by: another relay leads');
    told = leader;
  };
  let timer: NodeJS.Timeout | undefined;
  return {
    name: 'standby notice',
    done: done.promise,
    start: () => {
      timer = setInterval(look, LOOK_MS);
      return Promise.resolve();
    },
    stop: () => {
      clearInterval(timer);
      done.resolve(undefined);
      return Promise.resolve();
    },
  };
}
