import type { Constant, Model, Run } from './model.ts';

/** Returns the file that TLC reads for a configuration. Where one state breaks several invariants, a control’s own is named. */
export function configText(model: Model, { constants, breaks: first }: Run): string {
  const guards = Object.fromEntries(model.guards.map((guard) => [guard, 'ok']));
  const all = { ...model.constants, ...guards, ...constants };
  const invariants = model.invariants.toSorted((a, b) => Number(b === first) - Number(a === first));
  return [
    'SPECIFICATION Spec',
    'CONSTANTS',
    ...Object.entries(all).map(([name, constant]) => `  ${name} = ${valueText(constant)}`),
    `INVARIANTS ${invariants.join(' ')}`,
    'SYMMETRY Symmetry',
    'CHECK_DEADLOCK FALSE',
    '',
  ].join('\n');
}

function valueText(constant: Constant): string {
  if (typeof constant === 'object') return 'value' in constant ? constant.value : `{${constant.join(', ')}}`;
  return typeof constant === 'string' ? `"${constant}"` : `${constant}`.toUpperCase();
}
