/** Configuration from code, file and environment, validated once; and the health server of a process. */
export { clientSignal } from './client-signal.ts';
export { loadConfig, loadSettings } from './config.ts';
export { type Environment } from './environment.ts';
export { originOf } from './setting.ts';
export type { Setting } from './layer.ts';
export { ConfigError } from './error.ts';
export { watchEventLoop } from './event-loop.ts';
export { type Check, type Checks } from './health.ts';
export { healthServer } from './health-server.ts';
export { httpServer, type HttpServer } from './http-server.ts';
