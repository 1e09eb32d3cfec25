import { TransactionEvents } from '@convergekit/nest';
import {
  Propagation,
  type TransactionalAdapter,
  Transactional,
  TransactionHost,
} from '@nestjs-cls/transactional';
import { Body, Controller, Inject, Injectable, Post } from '@nestjs/common';
import { type Db, type Order, orderPlaced, orders } from './shop.ts';

type Host = TransactionHost<TransactionalAdapter<Db, Db, object>>;

/** Writes orders. With the syntax of decorators: `@Injectable()`, `@Transactional()`. */
export class Orders {
  readonly host: Host;
  readonly events: TransactionEvents;

  constructor(host: Host, events: TransactionEvents) {
    this.host = host;
    this.events = events;
  }

  async place(order: Order): Promise<{ placed: string }> {
    await this.host.tx.insert(orders).values(order);
    this.events.emit(orderPlaced(order));
    return { placed: order.id };
  }

  /** Places what can be placed: an order that fails leaves nothing, and the others stay. */
  async placeEach(list: readonly Order[]): Promise<{ placed: string[] }> {
    const placed: string[] = [];
    for (const order of list)
      await this.host
        .withTransaction(Propagation.Nested, async () => {
          this.events.emit(orderPlaced(order));
          await this.host.tx.insert(orders).values(order);
          placed.push(order.id);
        })
        .catch(() => undefined);
    return { placed };
  }
}

export class OrdersController {
  readonly orders: Orders;

  constructor(orders: Orders) {
    this.orders = orders;
  }

  place(order: Order): Promise<{ placed: string }> {
    return this.orders.place(order);
  }

  placeEach(list: readonly Order[]): Promise<{ placed: string[] }> {
    return this.orders.placeEach(list);
  }
}

// Decorators as calls, because Node runs this file without a compiler. A project with a compiler writes them as usual.
Injectable()(Orders);
Inject(TransactionHost)(Orders, undefined, 0);
Inject(TransactionEvents)(Orders, undefined, 1);
decorate(Transactional(), Orders.prototype, 'place');
decorate(Transactional(), Orders.prototype, 'placeEach');
Controller('orders')(OrdersController);
Inject(Orders)(OrdersController, undefined, 0);
decorate(Post(), OrdersController.prototype, 'place');
Body()(OrdersController.prototype, 'place', 0);
decorate(Post('each'), OrdersController.prototype, 'placeEach');
Body()(OrdersController.prototype, 'placeEach', 0);

/** Applies a decorator to a method, as the compiler would. */
function decorate(decorator: MethodDecorator, prototype: object, method: string): void {
  const descriptor = Object.getOwnPropertyDescriptor(prototype, method) ?? {};
  const changed = decorator(prototype, method, descriptor) as PropertyDescriptor | undefined;
  Object.defineProperty(prototype, method, changed ?? descriptor);
}
