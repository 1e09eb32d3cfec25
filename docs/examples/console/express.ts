import type { ConsoleHandler } from '@convergekit/console';
import express, { type Express } from 'express';

export function app(operators: ConsoleHandler): Express {
  const app = express();
  app.use('/ops/console', operators.listener); // in front of what parses bodies
  app.use(express.json());
  return app;
}
