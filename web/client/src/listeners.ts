/** Listeners by the name of an event. One that throws is reported and does not stop the others. */
export class Listeners<E extends object> {
  private readonly byName = new Map<keyof E, Set<(value: never) => void>>();

  constructor(private readonly report: (error: unknown) => void) {}

  /** Adds a listener and returns what removes it. */
  add<N extends keyof E>(name: N, listener: (value: E[N]) => void): () => void {
    const own = (value: E[N]) => listener(value); // the same function may be added twice
    const all = this.byName.get(name) ?? new Set();
    this.byName.set(name, all.add(own));
    return () => { all.delete(own); };
  }

  has(name: keyof E): boolean {
    return (this.byName.get(name)?.size ?? 0) > 0;
  }

  emit<N extends keyof E>(name: N, value: E[N]): void {
    for (const listener of [...(this.byName.get(name) ?? [])]) {
      try {
        listener(value as never);
      } catch (error) {
        this.report(error);
      }
    }
  }
}
