/** The command `converge`, for its file in `bin`. */
export { converge } from '@convergekit/cli';
export { exitOnUncaught, logger } from '@convergekit/telemetry';
