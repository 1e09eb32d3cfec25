import type { ReconcilerStatus } from '@convergekit/reconcile/operate';
import { attentionOf } from '../commands/reconcile/attention.ts';
import type { AttentionItem } from './item.ts';

/** Lists held repairs, starts that were not made, and keys left to an operator (pure). A pause is meant to be. */
export function reconcilerItems(statuses: readonly ReconcilerStatus[]): readonly AttentionItem[] {
  return statuses.flatMap((status) => [heldItem(status), overdueItem(status), leftItem(status)].flat());
}

function heldItem({ name, held, keys }: ReconcilerStatus): readonly AttentionItem[] {
  if (held === null) return [];
  return [
    {
      kind: 'reconciler',
      severity: 'act',
      alarm: 'reconcile_held',
      text: `${name} is held: ${held.reason}; ${keys.pending} ${keys.pending === 1 ? 'key waits' : 'keys wait'} with a drift`,
      since: held.at,
      next: `converge reconcile diff ${name}`,
      about: { reconciler: name },
    },
  ];
}

function overdueItem(status: ReconcilerStatus): readonly AttentionItem[] {
  const { name, overdueSince } = status;
  if (overdueSince === null) return [];
  const { text = '', next = [] } = attentionOf({ ...status, paused: null, held: null })[0] ?? {};
  return [
    {
      kind: 'reconciler',
      severity: 'watch',
      alarm: 'reconcile_overdue',
      text: `${name}: ${text}`,
      since: overdueSince,
      next: next[0] ?? `converge reconcile show ${name}`,
      about: { reconciler: name },
    },
  ];
}

function leftItem({ name, keys }: ReconcilerStatus): readonly AttentionItem[] {
  if (keys.terminal === 0) return [];
  return [
    {
      kind: 'reconciler',
      severity: 'act',
      alarm: 'reconcile_unresolvable',
      text: `${name} leaves ${keys.terminal} ${keys.terminal === 1 ? 'key' : 'keys'} to an operator`,
      since: null,
      next: `converge reconcile diff ${name}`,
      about: { reconciler: name },
    },
  ];
}
