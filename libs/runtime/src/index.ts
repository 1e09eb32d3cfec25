export { type Clock, systemClock } from './clock.ts';
export { loadConfig, type LoadConfigOptions, loadSettings } from './config.ts';
export { type Environment, standardNames, type StandardNames } from './config-environment.ts';
export { nearest } from './config-names.ts';
export { originOf } from './config-setting.ts';
export type { Setting } from './config-layer.ts';
export { ConfigError, type ConfigIssue } from './config-error.ts';
export { judgeLoopDelay, watchEventLoop, type EventLoopWatch, type LoopDelay } from './event-loop.ts';
export { failpoint } from './failpoint.ts';
export { healthReport, type Check, type Checks, type HealthReport } from './health.ts';
export {
  HealthError,
  healthServer,
  type HealthOptions,
  type HealthServer,
  httpTimeouts,
  type Page,
} from './health-server.ts';
export { deterministicUuid, newUuidV7, type NewId } from './ids.ts';
export { type Random, seededRandom, systemRandom } from './random.ts';
export { runServices, type RunOptions, type Service } from './service.ts';
