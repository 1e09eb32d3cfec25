import type { ConsoleHandler } from '@convergekit/console';
import type { INestApplication } from '@nestjs/common';

/** Call it before `app.listen()`, which adds the parser of bodies. */
export function mount(app: INestApplication, operators: ConsoleHandler): void {
  app.use('/ops/console', operators.listener);
}
