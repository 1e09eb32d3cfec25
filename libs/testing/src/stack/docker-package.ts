import type * as docker from './docker-engine.ts';

/** Loads the part that talks to Docker. Undefined without the npm package testcontainers, an optional peer. */
export async function dockerEngine(): Promise<typeof docker | undefined> {
  try {
    return await import('./docker-engine.ts');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}
