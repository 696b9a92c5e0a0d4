/** Listeners by the name of an event. One that throws is reported and does not stop the others. */
export declare class Listeners<E extends object> {
    private readonly report;
    private readonly byName;
    constructor(report: (error: unknown) => void);
    /** Adds a listener and returns what removes it. */
    add<N extends keyof E>(name: N, listener: (value: E[N]) => void): () => void;
    has(name: keyof E): boolean;
    emit<N extends keyof E>(name: N, value: E[N]): void;
}
