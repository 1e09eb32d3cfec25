/** What a text of the search box is. A UUID may be an event or a saga; everything else may be a key. */
export type Query =
  | { readonly kind: 'id'; readonly text: string }
  | { readonly kind: 'trace'; readonly text: string }
  | { readonly kind: 'position'; readonly text: string; readonly row: string }
  | { readonly kind: 'key'; readonly text: string };

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const TRACE = /^(?:[0-9a-f]{2}-)?([0-9a-f]{32})(?:-[0-9a-f]{16}-[0-9a-f]{2})?$/i;
const POSITION = /^\d{1,10}\.\d{1,19}\.(\d{1,16})(\.[0-9a-f]{16})?$/;

/** Classifies a search by its form. Pure. */
export function classify(given: string): Query {
  const text = given.trim();
  if (UUID.test(text)) return { kind: 'id', text: text.toLowerCase() };
  const trace = TRACE.exec(text)?.[1];
  if (trace !== undefined) return { kind: 'trace', text: trace.toLowerCase() };
  const row = POSITION.exec(text)?.[1];
  return row === undefined ? { kind: 'key', text } : { kind: 'position', text, row };
}
