import { describe, expect, it } from 'vitest';
import { readRules } from '../prometheus/rules.ts';
import { dashboards } from './source/boards/index.ts';
import { expressionOf, type Panel, queriesOf } from './source/model.ts';
import { render } from './source/render.ts';

const panels = dashboards.flatMap(({ title, rows }) =>
  rows.flatMap((row) =>
    row.panels.map((panel): readonly [string, Panel] => [`${title} / ${panel.title}`, panel]),
  ),
);

describe('dashboards', () => {
  it('N12: panels query recorded series that a rule records', () => {
    const recorded = new Set(readRules().map(({ record }) => record));
    const words = panels.flatMap(([place, panel]) =>
      queriesOf(panel).flatMap(({ promql }) =>
        (promql.match(/\bconverge:[\w:]+/g) ?? []).map((word) => [place, word]),
      ),
    );
    expect(words).not.toEqual([]);
    for (const [place, word] of words) expect([place, word, recorded.has(word)]).toEqual([place, word, true]);
  });

  it('each panel has a description in whole sentences, and a title of its own within its dashboard', () => {
    for (const [place, { description }] of panels)
      expect([place, description]).toEqual([place, expect.stringMatching(/\.$/)]);
    expect(new Set(panels.map(([place]) => place)).size).toBe(panels.length);
  });

  it('panels stay within the 24 columns of Grafana and do not overlap', () => {
    for (const dashboard of dashboards) {
      const { panels: placed } = render(dashboard) as {
        readonly panels: readonly { readonly gridPos: Readonly<Record<'x' | 'y' | 'w' | 'h', number>> }[];
      };
      const cells = placed.flatMap(({ gridPos: { x, y, w, h } }) =>
        Array.from({ length: w * h }, (_, at) => `${x + (at % w)} ${y + Math.floor(at / w)}`),
      );
      expect(new Set(cells).size).toBe(cells.length);
      expect(placed.every(({ gridPos: { x, w } }) => x + w <= 24)).toBe(true);
    }
  });

  it('a panel of rare events shows zero when none happened, beside no line that exists', () => {
    const rare = panels.flatMap(([, panel]) => queriesOf(panel)).filter(({ rare = false }) => rare);
    expect(rare.length).toBeGreaterThan(10);
    for (const query of rare) expect(expressionOf(query)).toBe(`${query.promql} or on () vector(0)`);
  });
});
