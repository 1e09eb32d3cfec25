import { waitUntil } from '@convergekit/testing';

/** Opens the console whose address `converge dev` printed, and looks for the refused payment. Rejects when it is not there. */
export async function checkConsole(log: () => string): Promise<void> {
  const url = await waitUntil(() => /^console\s+(http:\S+\/)/m.exec(log())?.[1], {
    what: 'the address of the console',
  });
  const page = await waitUntil(() => textOf(new URL('failures?state=rejected', url)), {
    what: `an answer of ${url}`,
  });
  if (!page.includes('over the limit of this card'))
    throw new Error(`the console does not show the refusal:\n${page}`);
}

async function textOf(url: URL): Promise<string | undefined> {
  try {
    const response = await fetch(url);
    return response.ok ? await response.text() : undefined;
  } catch {
    return undefined;
  }
}
