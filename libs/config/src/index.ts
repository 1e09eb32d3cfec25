/** Configuration from code, file and environment, validated once; and the health server of a process. */
export { loadConfig, type LoadConfigOptions, loadSettings } from './config.ts';
export { type Environment, standardNames, type StandardNames } from './environment.ts';
export { loose, nearest } from './names.ts';
export { originOf } from './setting.ts';
export type { Setting } from './layer.ts';
export { ConfigError, type ConfigIssue } from './error.ts';
export { judgeLoopDelay, watchEventLoop, type EventLoopWatch, type LoopDelay } from './event-loop.ts';
export { healthReport, type Check, type Checks, type HealthReport } from './health.ts';
export { healthServer, type HealthOptions, type Page } from './health-server.ts';
export { httpServer, type HttpServer, type HttpServerOptions } from './http-server.ts';
