export interface OrdersDb {
  wanted: { sku: string; quantity: number };
}
export interface StockRow {
  sku: string;
  reserved: number;
  version: number;
}
export interface StockDb {
  stock: StockRow;
}
/** The quantity that should be reserved. */
export interface Drift {
  readonly quantity: number;
}
