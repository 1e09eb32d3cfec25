/** The levels of `LOG_LEVEL`, from most to least detail. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
