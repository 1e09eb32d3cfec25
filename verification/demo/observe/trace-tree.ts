/** A span, as a tree needs it. */
export interface TreeSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly service: string;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly attributes: readonly {
    readonly key: string;
    readonly value: { readonly stringValue?: string; readonly intValue?: number };
  }[];
}

/** Pure: the spans of a trace, and those of other traces that link to it, such as the sends of a relay. */
export function spansOf(all: readonly TreeSpan[], traceId: string): readonly TreeSpan[] {
  return all.filter(
    (span) => span.traceId === traceId || span.links?.some((link) => link.traceId === traceId) === true,
  );
}

/** Pure: the spans of which neither the parent nor a link is among them. The root has neither. */
export function orphansOf(spans: readonly TreeSpan[]): readonly TreeSpan[] {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  return spans.filter(
    (span) => !isKnown(ids, span.parentSpanId) && span.links?.some(({ spanId }) => ids.has(spanId)) !== true,
  );
}

function isKnown(ids: ReadonlySet<string>, id: string | undefined): boolean {
  return id !== undefined && ids.has(id);
}

/** Pure: the ancestors of a span, the nearest first. */
export function ancestorsOf(spans: readonly TreeSpan[], span: TreeSpan): readonly TreeSpan[] {
  const parent = spans.find(({ spanId }) => spanId === span.parentSpanId);
  return parent === undefined ? [] : [parent, ...ancestorsOf(spans, parent)];
}

/** Pure: the tree as text, a span a line: its process, its name, its attempt and reason, and what it links to. */
export function drawTree(spans: readonly TreeSpan[]): string {
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  const ordered = spans.toSorted((a, b) =>
    BigInt(a.startTimeUnixNano) < BigInt(b.startTimeUnixNano) ? -1 : 1,
  );
  const lines: string[] = [];
  const draw = (span: TreeSpan, depth: number): void => {
    lines.push(`${'  '.repeat(depth)}${lineOf(span, byId)}`);
    for (const child of ordered) if (child.parentSpanId === span.spanId) draw(child, depth + 1);
  };
  for (const span of ordered) if (!byId.has(span.parentSpanId ?? '')) draw(span, 0);
  return lines.join('\n');
}

function lineOf(span: TreeSpan, byId: ReadonlyMap<string, TreeSpan>): string {
  const attempt = valueOf(span, 'converge.attempt.number');
  const reason = valueOf(span, 'converge.attempt.reason');
  const linked = new Set((span.links ?? []).flatMap(({ spanId }) => byId.get(spanId)?.name ?? []));
  return [
    `${span.name} (${span.service})`,
    ...(attempt === undefined ? [] : [`#${attempt}`]),
    ...(reason === undefined ? [] : [reason]),
    ...(linked.size === 0 ? [] : [`-> ${[...linked].join(', ')}`]),
  ].join(' ');
}

/** Pure: the value of an attribute as text. */
export function valueOf({ attributes }: TreeSpan, name: string): string | undefined {
  const value = attributes.find(({ key }) => key === name)?.value;
  return value?.stringValue ?? value?.intValue?.toString();
}
