/** The command `converge`, for its file in `bin`. */
export { run } from '@convergekit/cli';
export { exitOnUncaught, logger } from '@convergekit/telemetry';
