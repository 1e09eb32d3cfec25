import { html, type Html, nothing } from '../layout/html.ts';
import { iconAt } from '../layout/icons.ts';
import { withQuery } from '../layout/parts.ts';
import type { MapNode } from './graph.ts';
import { BOX, placeMap, type PlacedEdge, type PlacedNode } from './layout.ts';
import { lineOf, rateText, short } from './map-text.ts';
import type { MapView } from './read-map.ts';

const HEADS: Readonly<Record<MapNode['kind'], string>> = {
  service: 'Services',
  source: 'Outboxes',
  topic: 'Topics',
  consumer: 'Consumers',
  saga: 'Sagas and reconcilers',
  reconciler: 'Sagas and reconcilers',
};
const KINDS: Readonly<Record<MapNode['kind'], string>> = {
  service: 'service',
  source: 'outbox of',
  topic: 'topic',
  consumer: 'consumer',
  saga: 'saga',
  reconciler: 'reconciler',
};
/** Lines of a map with more boxes are pale. */
const DENSE = 24;
const SIGNS = { ok: '', waits: '◔ ', needs: '▲ ', off: '– ' } as const;

/** Draws the map: boxes that lead to their pages, and lines as wide as what flows over them. */
export function mapOf(map: MapView): Html {
  if (map.nodes.length === 0) return emptyMap(map);
  const { width, height, nodes, edges, heads } = placeMap(map);
  return html`<section class="map ${nodes.length > DENSE ? 'dense' : ''}" aria-label="Map">
    ${toolbar(map)}
    <div class="map-scroll" role="region" aria-label="What flows from left to right" tabindex="0">
      <svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="group" aria-label="Map">
        ${heads.map(({ kind, x }) => html`<text class="head" x="${x}" y="20">${HEADS[kind]}</text>`)}
        ${edges.map(edgeOf)} ${nodes.map(nodeOf)}
      </svg>
    </div>
  </section>`;
}

function emptyMap({ q, service }: MapView): Html {
  if (q !== null || service !== null)
    return html`<p class="empty">
      No part of the map is named ${q ?? service}. <a href="/map">Show the whole map</a>
    </p>`;
  return html`<p class="empty">
    Outboxes, topics, consumers, sagas and reconcilers appear here as soon as a service has run on these
    databases.
  </p>`;
}

function toolbar({ shown, service, q }: MapView): Html {
  const isWhole = service === null && q === null;
  const tab = (href: string, text: string, isCurrent: boolean): Html =>
    html`<a href="${href}" ${isCurrent ? html`aria-current="true"` : nothing}>${text}</a>`;
  return html`<div class="map-bar">
    <nav class="tabs" aria-label="Views of the map">
      ${tab('/map?view=services', 'By service', isWhole && shown === 'services')}
      ${tab('/map?view=parts', 'All parts', isWhole && shown === 'parts')}
      ${service === null ? nothing : tab(withQuery('/map', { service }), `Around ${service}`, true)}
    </nav>
    <form class="map-find" action="/map" method="get" role="search" aria-label="Find on the map">
      <input
        type="search"
        name="q"
        value="${q ?? ''}"
        aria-label="Name of a part"
        placeholder="Find on the map"
      />
    </form>
  </div>`;
}

function edgeOf({ path, perSecond, topics, middle: [x, y], from, to }: PlacedEdge): Html {
  const width = perSecond === 0 ? 1.5 : Math.min(6, 2 + Math.log10(1 + perSecond) * 1.6);
  const name = (id: string): string => id.slice(id.lastIndexOf('/') + 1);
  const what = topics.length === 0 ? '' : `: ${topics.join(', ')}, ${rateText(perSecond)}`;
  return html`<g class="edge ${perSecond > 0 ? 'flows' : ''}">
    <path d="${path}" stroke-width="${Math.round(width * 10) / 10}"
      ><title>${name(from)} to ${name(to)}${what}</title></path
    >
    ${perSecond > 0 ? html`<text x="${x}" y="${y - 4}">${rateText(perSecond)}</text>` : nothing}
  </g>`;
}

function nodeOf(node: PlacedNode): Html {
  const { kind, name, state, x, y, href, database } = node;
  const line = lineOf(node);
  const place = database === null || database === name ? '' : ` in ${database}`;
  return html`<a class="node ${kind} ${state}" href="${href}">
    <title>${KINDS[kind]} ${name}${place}: ${line}</title>
    <rect class="box" x="${x}" y="${y}" width="${BOX.width}" height="${BOX.height}" rx="8" />
    ${iconAt(kind, x + 12, y + 10)}
    <text class="name" x="${x + 36}" y="${y + 22}">${short(name, 16)}</text>
    <text class="line" x="${x + 12}" y="${y + 41}">${SIGNS[state]}${short(line, 26)}</text>
  </a>`;
}
