import { executorFrom } from 'convergekit/postgres';
import { type Order, orderPlaced, outbox } from '../order-placed.ts';
import type { PrismaClient } from './prisma/generated/client.ts';

export const place = (prisma: PrismaClient, order: Order) =>
  prisma.$transaction(async (tx) => {
    await tx.order.create({ data: order });
    await outbox.append(executorFrom.prisma(tx), [orderPlaced(order)]);
  });
