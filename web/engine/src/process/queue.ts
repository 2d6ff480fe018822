/** A first-in, first-out queue whose operations take constant time. */
export class Queue<T> {
  private items: (T | undefined)[] = [];
  private head = 0;

  /** How many are waiting. */
  get size(): number {
    return this.items.length - this.head;
  }

  push(item: T): void {
    this.items.push(item);
  }

  /** The oldest, taken out; undefined when there is none. */
  take(): T | undefined {
    if (this.head === this.items.length) return undefined;
    const item = this.items[this.head];
    this.items[this.head++] = undefined;
    if (this.head === this.items.length) {
      this.items = [];
      this.head = 0;
    }
    return item;
  }
}
