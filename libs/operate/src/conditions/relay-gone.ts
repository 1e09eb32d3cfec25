import type { Leaderless } from '@convergekit/relay/operate';
import { BRIEF_MS, RESTART_MS } from './bounds.ts';
import type { FoundCondition } from './found.ts';
import { seeRelay } from './relay-items.ts';

/**
 * Describes an outbox that no relay leads (pure), with what the catalog says of its login. While a relay may be restarted, it is a
 * note. `oldestMs`: the age of the oldest event that waits.
 */
export function relayGoneItems(
  found: Leaderless | undefined,
  { oldestMs, now }: { readonly oldestMs: number; readonly now: number },
): readonly FoundCondition[] {
  // A database may have the tables of an outbox, and emit nothing.
  if (found === undefined || (found.holder === null && oldestMs === 0)) return [];
  const { holder, since } = found;
  const { why, next } = causeOf(found);
  const text =
    holder === null ? `no relay has led yet: ${why}` : `no relay leads since ${holder} ended: ${why}`;
  const isLate = oldestMs >= BRIEF_MS || (since !== null && now - since.getTime() >= RESTART_MS);
  const severity = isLate ? 'act' : 'note';
  return [{ alarm: 'relay_gone', severity, text, since, next, page: seeRelay, about: {} }];
}

const START = 'converge relay';

/** What the database knows of the cause, and who must act: the relay itself cannot write it without a login. Pure. */
function causeOf({ login, role }: Leaderless): { readonly why: string; readonly next: string } {
  if (login === null) return { why: 'nothing is published before one is started', next: START };
  const quoted = `"${login.replaceAll('"', '""')}"`;
  if (role === null)
    return { why: `its login ${login} does not exist any more`, next: `create role ${quoted} login` };
  if (!role.canLogin) return { why: `its login ${login} may not log in`, next: `alter role ${quoted} login` };
  if (role.isOver)
    return {
      why: `the password of its login ${login} ended at ${role.validUntil?.toISOString() ?? '?'}`,
      next: `alter role ${quoted} valid until 'infinity'`,
    };
  if (!role.canConnect)
    return {
      why: `its login ${login} may not connect to this database`,
      next: `as the owner: converge roles relay --to ${login} | psql`,
    };
  if (role.sessions > 0)
    return {
      why: `its login ${login} has ${role.sessions} open ${role.sessions === 1 ? 'session' : 'sessions'} here: where one is of a relay, its log and /readyz say why it does not lead`,
      next: START,
    };
  return {
    why: `its login ${login} may log in and has no session here: no process runs, or the server refuses its password or address; its log and /readyz say which, and so does one that is started with its settings`,
    next: START,
  };
}
