import {
  type Dashboard,
  expressionOf,
  legendOf,
  type Panel,
  queriesOf,
  type Query,
  type Row,
  valuesOf,
} from './model.ts';

/** Grafana's JSON of a dashboard. Pure: the same dashboard gives the same text. */
export function render({ id, title, description, variables, rows }: Dashboard): object {
  return {
    uid: `converge-${id}`,
    title: `Converge / ${title}`,
    description,
    tags: ['converge'],
    schemaVersion: 39,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: '30s',
    time: { from: 'now-1h', to: 'now' },
    links: [
      {
        type: 'dashboards',
        tags: ['converge'],
        title: 'Converge',
        asDropdown: true,
        includeVars: true,
        keepTime: true,
      },
    ],
    templating: {
      list: [
        { name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus' },
        ...variables.map((variable) => ({
          name: variable.label,
          label: variable.label,
          type: 'query',
          datasource: DATASOURCE,
          query: { query: valuesOf(variable), refId: variable.label },
          refresh: 2,
          multi: true,
          includeAll: true,
          allValue: '.*',
          current: { text: 'All', value: '$__all' },
        })),
      ],
    },
    panels: layOut(rows),
  };
}

type QueryKind = Exclude<NonNullable<Panel['kind']>, 'alerts'>;

const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };
const COLUMNS = 24;
const HEIGHT = 8;

/** Places the panels of each row from left to right, and below when the width is used up. */
function layOut(rows: readonly Row[]): readonly object[] {
  const placed: object[] = [];
  let y = 0;
  for (const row of rows) {
    placed.push({
      id: placed.length + 1,
      type: 'row',
      title: row.title,
      collapsed: false,
      gridPos: { x: 0, y, w: COLUMNS, h: 1 },
      panels: [],
    });
    y += 1;
    let x = 0;
    for (const panel of row.panels) {
      const w = panel.width ?? 8;
      if (x + w > COLUMNS) {
        x = 0;
        y += HEIGHT;
      }
      placed.push({ id: placed.length + 1, gridPos: { x, y, w, h: HEIGHT }, ...panelJson(panel) });
      x += w;
    }
    y += HEIGHT;
  }
  return placed;
}

function panelJson(panel: Panel): object {
  const { title, description } = panel;
  if (panel.kind === 'alerts')
    return {
      type: 'alertlist',
      title,
      description,
      options: {
        alertName: 'Converge',
        stateFilter: { firing: true, pending: true },
        viewMode: 'list',
        sortOrder: 3,
      },
    };
  const { kind = 'timeseries', unit = 'short', alarmFrom, stacked = false } = panel;
  return {
    type: kind,
    title,
    description,
    datasource: DATASOURCE,
    fieldConfig: {
      defaults: {
        unit,
        ...thresholds(kind, alarmFrom),
        custom: customOf(kind, stacked, alarmFrom !== undefined),
      },
      overrides: [],
    },
    options: optionsOf(kind),
    ...(kind === 'table' ? { transformations: [{ id: 'merge', options: {} }] } : {}),
    targets: queriesOf(panel).map((query, index) => targetOf(query, index, kind)),
  };
}

function targetOf(query: Query, index: number, kind: QueryKind): object {
  const instant = query.instant ?? kind !== 'timeseries';
  return {
    refId: String.fromCharCode(65 + index),
    datasource: DATASOURCE,
    expr: expressionOf(query),
    legendFormat: legendOf(query),
    instant,
    range: !instant,
    ...(kind === 'table' ? { format: 'table' } : {}),
  };
}

function thresholds(kind: QueryKind, alarmFrom: number | undefined): object {
  const red = alarmFrom === undefined ? [] : [{ color: 'red', value: alarmFrom }];
  const steps = [{ color: 'green', value: null }, ...red];
  // Lines keep their own colours: the threshold is drawn as a line.
  const mode = kind === 'timeseries' || alarmFrom === undefined ? 'palette-classic' : 'thresholds';
  return { color: { mode }, thresholds: { mode: 'absolute', steps } };
}

function customOf(kind: QueryKind, stacked: boolean, limited: boolean): object {
  if (kind !== 'timeseries') return {};
  return {
    fillOpacity: stacked ? 40 : 10,
    stacking: { mode: stacked ? 'normal' : 'none' },
    showPoints: 'never',
    axisSoftMin: 0,
    thresholdsStyle: { mode: limited ? 'line' : 'off' },
  };
}

function optionsOf(kind: QueryKind): object {
  switch (kind) {
    case 'timeseries':
      return {
        legend: { displayMode: 'list', placement: 'bottom' },
        tooltip: { mode: 'multi', sort: 'desc' },
      };
    case 'stat':
      return { colorMode: 'value', reduceOptions: { calcs: ['lastNotNull'] }, textMode: 'auto' };
    case 'table':
      return { showHeader: true };
  }
}
