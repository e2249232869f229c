// Store: a value that components follow.
import {useSyncExternalStore} from "react";

export interface Store<T> {
    get(): T;
    set(value: T): void;
    follow(changed: () => void): () => void;
}

export function makeStore<T>(first: T): Store<T> {
    let value = first;
    const followers = new Set<() => void>();
    return {
        get: () => value,
        set(next) {
            if (Object.is(next, value)) return;
            value = next;
            followers.forEach((changed) => changed());
        },
        follow(changed) {
            followers.add(changed);
            return () => followers.delete(changed);
        },
    };
}

export function useStore<T>(store: Store<T>): T {
    return useSyncExternalStore(store.follow, store.get);
}
