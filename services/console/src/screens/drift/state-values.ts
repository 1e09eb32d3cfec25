import type { Executor } from '@convergekit/postgres';
import { recordAct } from '@convergekit/postgres/operate';
import type { FieldDiff } from '@convergekit/reconcile/operate';
import { type Concerned, isPermitted } from '@convergekit/operate/host';
import { shownPayload } from '../../payload.ts';
import type { PayloadPrivacy } from '../../screen.ts';
import type { Visitor } from '../../types.ts';

/** What a visitor may see of the states of both sides, which are business data as the payloads of events are. */
export interface StateView {
  /** Returns the value, or what stands for it. */
  readonly shown: (value: unknown) => unknown;
  readonly masked: boolean;
}

/** Decides what is shown of states. `recordLook` comes before values are shown that are not masked. Pure. */
export function stateView(payloads: PayloadPrivacy, visitor: Visitor, of: Concerned): StateView {
  const isOperator = visitor.kind === 'operator' && isPermitted(visitor.grants, 'operator', of);
  if (payloads === 'full' && isOperator) return { shown: (value) => value, masked: false };
  return { shown: (value) => hiddenValue(value, payloads === 'none' ? 'none' : 'masked'), masked: true };
}

/** A value as its shape, or nothing of it. Absent stays absent, and null stays null: both are part of a diff. Pure. */
export function hiddenValue(value: unknown, privacy: 'none' | 'masked'): unknown {
  if (value === undefined || value === null) return value;
  const text = shownPayload(JSON.stringify(value), privacy);
  return text === undefined ? '‹hidden›' : (JSON.parse(text) as unknown);
}

/** Records that an operator looks at states in full, before they are shown. A look that cannot be recorded fails. */
export async function recordLook(
  executor: Executor,
  { masked }: StateView,
  visitor: Visitor,
  { reconciler, key }: { readonly reconciler: string; readonly key?: string },
): Promise<void> {
  if (masked || visitor.kind !== 'operator') return;
  await recordAct(executor, {
    act: 'state look',
    subject: reconciler,
    before: { key },
    by: visitor.user,
    reason: 'a page of the console',
  });
}

/** Fields with their values as they may be shown. */
export function hidden(fields: readonly FieldDiff[], { shown }: StateView) {
  return fields.map((one) => ({
    ...one,
    field: one.field ?? '(value)',
    desired: shown(one.desired),
    actual: shown(one.actual),
    lastWritten: shown(one.lastWritten),
  }));
}
