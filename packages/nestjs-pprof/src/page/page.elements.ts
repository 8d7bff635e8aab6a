/** The element of the page with this id, which the server has written. @internal */
export function byId<T extends Element = HTMLElement>(id: string): T {
  const element = document.querySelector<T>(`#${id}`);
  if (element === null) {
    throw new Error(`the page has no #${id}`);
  }
  return element;
}

/** A new element: text is text, whatever is in it. @internal */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]> = {},
  ...children: ReadonlyArray<Node | string>
): HTMLElementTagNameMap[K] {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** An answer of the profiler that is an error says in a line what to do. @throws with that line @internal */
export async function ask(path: string, signal?: AbortSignal): Promise<Response> {
  const response = await fetch(path, signal ? { signal } : {}).catch((cause: unknown) => {
    signal?.throwIfAborted();
    throw new Error('nobody answers any more: the process has ended, or the tunnel has closed', { cause });
  });
  if (!response.ok) {
    throw new Error(`${response.status}: ${(await response.text()).trim()}`);
  }
  return response;
}

/** @internal */
export function messageFor(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
