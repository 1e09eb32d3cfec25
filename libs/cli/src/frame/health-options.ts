import type { Settings } from './settings.ts';

/** Where the health server listens. Nobody outside could know a free port, so that one stays on this machine. */
export function healthOptions({ health }: Settings): { readonly port: number; readonly host: string } {
  return { port: health.port, host: health.host ?? (health.port === 0 ? '127.0.0.1' : '0.0.0.0') };
}
