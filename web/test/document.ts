// As much of a document as the parts of the page need to be put together, read and pressed.

type Child = Fake | string;

class Fake extends EventTarget {
  value = "";
  checked = false;
  disabled = false;
  hidden = false;
  tabIndex = -1;
  children: Child[] = [];
  readonly attributes = new Map<string, string>();
  readonly classList = { add: () => undefined, remove: () => undefined, toggle: () => undefined };

  constructor(readonly tag: string) {
    super();
  }

  get id(): string {
    return this.attributes.get("id") ?? "";
  }

  get textContent(): string {
    return this.children.map((child) => (typeof child === "string" ? child : child.textContent)).join("");
  }

  set textContent(text: string) {
    this.children = [text];
  }

  setAttribute(name: string, value: string): void {
    this.attributes.set(name, value);
  }

  hasAttribute(name: string): boolean {
    return this.attributes.has(name);
  }

  replaceChildren(...children: Child[]): void {
    this.children = children;
  }

  focus(): void {}
  scrollIntoView(): void {}

  all(): Fake[] {
    return [this, ...this.children.flatMap((child) => (typeof child === "string" ? [] : child.all()))];
  }
}

const open = new EventTarget();
Object.assign(globalThis, {
  document: { createElement: (tag: string) => new Fake(tag) },
  addEventListener: open.addEventListener.bind(open),
});

const inside = (element: HTMLElement): Fake[] => (element as unknown as Fake).all();

export const inputsOf = (element: HTMLElement): Fake[] => inside(element).filter(({ tag }) => tag === "input");

/** Something happens to the whole page. */
export const happens = (name: string): boolean => open.dispatchEvent(new Event(name));

/** The button with these words. */
export function buttonOf(element: HTMLElement, words: string): HTMLButtonElement {
  const found = inside(element).find(({ tag, textContent }) => tag === "button" && textContent === words);
  if (found === undefined) throw new Error(`no button "${words}" in: ${element.textContent}`);
  return found as unknown as HTMLButtonElement;
}

export const press = (element: HTMLElement, words: string): boolean =>
  buttonOf(element, words).dispatchEvent(new Event("click"));

/** Submits the form within; whether the browser would send it. */
export function submit(element: HTMLElement): boolean {
  const form = inside(element).find(({ tag }) => tag === "form");
  return form?.dispatchEvent(new Event("submit", { cancelable: true })) ?? false;
}

export function valueOf(element: HTMLElement, name: string): string {
  return inside(element).find(({ attributes }) => attributes.get("name") === name)?.value ?? "";
}
