import type { SagaDeclaration, StepDeclaration } from '@convergekit/saga/declare';
import { html, type Html, nothing } from '../../layout/html.ts';

const BOX = { width: 172, height: 74, gap: 44 };
const MARGIN = 12;
const UNDO = 34;

/** How many of a step are in a state. */
type Counts = readonly { readonly step: string; readonly state: string; readonly count: number }[];

/** Draws a declared saga from left to right: each step with what is open at it, and below it its undo, from right to left. */
export function graphSvg(declaration: SagaDeclaration, counts: Counts): Html {
  const { stages } = declaration;
  const rows = Math.max(...stages.map(({ steps }) => steps.length));
  const each = BOX.height + UNDO + 18;
  const width = MARGIN * 2 + stages.length * (BOX.width + BOX.gap) - BOX.gap;
  const height = MARGIN * 2 + rows * each;
  const x = (stage: number): number => MARGIN + stage * (BOX.width + BOX.gap);
  const y = (row: number): number => MARGIN + row * each;
  return html`<div class="scroll" role="region" aria-label="Graph of ${declaration.name}" tabindex="0">
    <svg
      class="graph"
      viewBox="0 0 ${width} ${height}"
      width="${width}"
      height="${height}"
      role="img"
      aria-label="The steps of ${declaration.name}, and what is open at each"
    >
      <defs>
        <marker
          id="next-${declaration.version}"
          viewBox="0 0 8 8"
          refX="7"
          refY="4"
          markerWidth="8"
          markerHeight="8"
          orient="auto"
        >
          <path class="tip" d="M0 0 L8 4 L0 8 z" />
        </marker>
      </defs>
      ${stages.map(({ steps, index }) =>
        steps.map(
          (step, row) =>
            html`${stepOf(step, counts, x(index), y(row))}
            ${
              stages[index + 1]?.steps.map(
                (_, next) =>
                  html`<path
                    class="next"
                    d="M${x(index) + BOX.width} ${y(row) + BOX.height / 2} L${x(index + 1) - 3} ${y(next) + BOX.height / 2}"
                    marker-end="url(#next-${declaration.version})"
                  />`,
              ) ?? nothing
            }`,
        ),
      )}
    </svg>
  </div>`;
}

function stepOf(step: StepDeclaration, counts: Counts, x: number, y: number): Html {
  const own = counts.filter((one) => one.step === step.name);
  const open =
    own.length === 0
      ? 'nothing open'
      : own.map(({ state, count }) => `${state.replaceAll('_', ' ')} ${count}`).join(', ');
  const needs = own.some(({ state }) => state === 'stuck');
  const kind = `${step.kind === 'withoutUndo' ? 'nothing to undo' : step.kind}${step.call ? ', a call' : ''}`;
  return html`<g class="node ${step.kind} ${needs ? 'care' : ''}">
      <title>${step.name} of ${step.by}: ${open}</title>
      <rect
        x="${x}"
        y="${y}"
        width="${BOX.width}"
        height="${BOX.height}"
        rx="${step.kind === 'pivot' ? 16 : 4}"
      />
      <text class="step" x="${x + 10}" y="${y + 20}">${step.name} · ${step.by}</text>
      <text class="kind" x="${x + 10}" y="${y + 38}">${kind}</text>
      <text class="open" x="${x + 10}" y="${y + 60}">${needs ? '▲ ' : ''}${open}</text>
    </g>
    ${
      step.kind === 'compensatable' || step.kind === 'withoutUndo'
        ? html`<g class="undo">
            <rect
              x="${x + 18}"
              y="${y + BOX.height + 10}"
              width="${BOX.width - 36}"
              height="${UNDO - 10}"
              rx="4"
            />
            <text x="${x + 28}" y="${y + BOX.height + 26}">← undo ${step.name}</text>
          </g>`
        : nothing
    }`;
}
