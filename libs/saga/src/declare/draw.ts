import { KIT_TYPES } from '@convergekit/contracts/engine';
import { canBeUndone, lastStop, type SagaDeclaration, type StepDeclaration, stepsOf } from './declaration.ts';

/**
 * Draws the saga as a Mermaid flowchart (pure): forward in full lines, backward in dotted ones.
 * @example
 * ```ts
 * import { drawSaga } from '@convergekit/testing';
 * import { placeOrder } from './shop.ts';
 *
 * console.log(drawSaga(placeOrder.declaration)); // flowchart LR …
 * ```
 */
export function drawSaga(declaration: SagaDeclaration): string {
  const { start, stages } = declaration;
  const lines = [
    `start([${start.type}])`,
    ...stepsOf(declaration).map(node),
    'completed([completed])',
    ...stepsOf(declaration).filter(canBeUndone).map(undoNode),
    'compensated([compensated])',
    ...stages.flatMap(({ index }) => forward(declaration, index)),
    ...stages.flatMap(({ index }) => backward(declaration, index)),
    ...stops(declaration),
  ];
  return ['flowchart TD', ...lines.map((line) => `  ${line}`)].join('\n');
}

function forward({ stages }: SagaDeclaration, index: number): readonly string[] {
  const steps = stages[index]?.steps ?? [];
  const before = stages[index - 1]?.steps;
  const arrows = steps.flatMap((step) =>
    before === undefined
      ? [`start --> ${id(step)}`]
      : before.map((of) => `${id(of)} -->|${of.success.type}| ${id(step)}`),
  );
  const last = index === stages.length - 1;
  const ends = last ? steps.map((step) => `${id(step)} -->|${step.success.type}| completed`) : [];
  return [...arrows, ...ends];
}

/** Draws the edges from the failure of a step, and from its undone event. */
function backward({ stages }: SagaDeclaration, index: number): readonly string[] {
  const steps = stages[index]?.steps.filter(({ kind }) => kind !== 'retriable') ?? [];
  const before = stages[index - 1]?.steps ?? [];
  return steps.flatMap((step) => {
    const siblings = steps.filter((one) => one !== step);
    const undoes = [...siblings, ...before].map(undoId);
    const failed = step.failure === undefined ? 'dead letter' : `${step.failure.type} or dead letter`;
    const targets = before.length === 0 ? [...siblings.map(undoId), 'compensated'] : undoes;
    return [
      ...targets.map((target) => `${id(step)} -.->|${failed}| ${target}`),
      ...(canBeUndone(step) ? [`${id(step)} -.->|dead letter, took effect| ${undoId(step)}`] : []),
      ...(canBeUndone(step)
        ? targets.map(
            (target) => `${undoId(step)} -.->|${step.undone?.type ?? KIT_TYPES.stepUndone}| ${target}`,
          )
        : []),
    ];
  });
}

function stops(declaration: SagaDeclaration): readonly string[] {
  const last = lastStop(declaration);
  const { cancel, deadlineMs } = declaration;
  if (last === undefined) return [];
  return [
    ...(cancel === undefined ? [] : [`cancel([${cancel.type}]) -.->|stops, if not begun| ${id(last)}`]),
    ...(deadlineMs === undefined
      ? []
      : [`deadline([${inWords(deadlineMs)} after the start]) -.->|stops, if not begun| ${id(last)}`]),
  ];
}

function node(step: StepDeclaration): string {
  const text = `${step.name} · ${step.by}<br/>${step.kind}${step.call ? ', a call' : ''}`;
  return step.kind === 'pivot' ? `${id(step)}{{"${text}"}}` : `${id(step)}["${text}"]`;
}

function undoNode(step: StepDeclaration): string {
  const text = step.kind === 'withoutUndo' ? `nothing to undo: ${step.reason ?? ''}` : `undo ${step.name}`;
  return `${undoId(step)}["${text.replaceAll('"', "'")}<br/>${step.by}"]`;
}

// The prefix avoids collisions of step names with words of Mermaid (end), and with the ends.
const id = ({ name }: StepDeclaration): string => `do_${name}`;
const undoId = ({ name }: StepDeclaration): string => `undo_${name}`;

function inWords(ms: number): string {
  if (ms % 60_000 === 0) return `${ms / 60_000} min`;
  return ms % 1_000 === 0 ? `${ms / 1_000} s` : `${ms} ms`;
}
