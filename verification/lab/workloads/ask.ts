/** The answer to a request; undefined: none came, or the server failed. */
export type Answer = { readonly status: number; readonly text: string } | undefined;

export interface Ask {
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** The connection is cut after so long, in milliseconds. @default 5_000 */
  readonly cutAfterMs?: number | undefined;
}

/** Posts JSON once. */
export async function ask(
  url: URL,
  { body, headers = {}, signal, cutAfterMs = 5_000 }: Ask,
): Promise<Answer> {
  const cut = AbortSignal.timeout(Math.ceil(cutAfterMs));
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
      signal: signal === undefined ? cut : AbortSignal.any([signal, cut]),
    });
    const text = await response.text();
    return response.status >= 500 ? undefined : { status: response.status, text };
  } catch {
    return undefined;
  }
}
