import { ConvergeError } from '@convergekit/core';

export type DevStackErrorCode =
  | 'STACK_SETTING'
  | 'DOCKER_MISSING'
  | 'JAVA_MISSING'
  | 'JAVA_TOO_OLD'
  | 'MAVEN_MISSING'
  | 'KAFKA_JARS_FAILED'
  | 'PLATFORM_UNSUPPORTED'
  | 'POSTGRES_PACKAGE_MISSING'
  | 'POSTGRES_USER_MISSING'
  | 'PORT_TAKEN'
  | 'STACK_IN_USE'
  | 'POSTGRES_FAILED'
  | 'KAFKA_FAILED'
  | 'PGBOUNCER_MISSING'
  | 'PGBOUNCER_FAILED';

/** The development stack cannot start. The message says what is wrong and what to do about it. */
export class DevStackError extends ConvergeError {
  constructor(code: DevStackErrorCode, message: string, cause?: unknown) {
    super(message, { code, category: 'configuration', certainty: 'not_applied', cause });
  }
}
