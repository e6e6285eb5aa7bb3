import { elementById, setAttribute, setText } from "./elements.js";

type Theme = "light" | "dark";

const STORAGE_KEY = "theme";

/**
 * The page's colors: those of the system, unless the reader has chosen the others. That choice is
 * remembered in the browser.
 */
export class ThemeSwitch {
  readonly #system = matchMedia("(prefers-color-scheme: dark)");
  #chosen: Theme | null = readChoice();

  /** Call it before the page is painted. */
  apply(): void {
    setAttribute(document.documentElement, "data-theme", this.#chosen);
  }

  /** Shows the button. `onChange` is called when the colors have changed. */
  start(onChange: () => void): void {
    const button = elementById("theme", HTMLButtonElement);
    const show = (): void => {
      this.apply();
      setText(elementById("theme-label", HTMLElement), this.#next === "dark" ? "Dark" : "Light");
      setAttribute(button, "aria-label", `Switch to ${this.#next} colors`);
      setAttribute(
        elementById("theme-icon", SVGUseElement),
        "href",
        this.#next === "dark" ? "#icon-moon" : "#icon-sun",
      );
    };
    button.addEventListener("click", () => {
      this.#choose(this.#next);
      show();
      onChange();
    });
    this.#system.addEventListener("change", () => {
      show();
      onChange();
    });
    show();
    button.hidden = false;
  }

  get #next(): Theme {
    return (this.#chosen ?? this.#systemTheme) === "dark" ? "light" : "dark";
  }

  get #systemTheme(): Theme {
    return this.#system.matches ? "dark" : "light";
  }

  /** The system's own colors are not a choice: the page follows the system again. */
  #choose(theme: Theme): void {
    this.#chosen = theme === this.#systemTheme ? null : theme;
    try {
      if (this.#chosen === null) localStorage.removeItem(STORAGE_KEY);
      else localStorage.setItem(STORAGE_KEY, this.#chosen);
    } catch {
      // The browser keeps nothing: the choice lasts until the page is closed.
    }
  }
}

function readChoice(): Theme | null {
  try {
    const stored = localStorage.getItem(STORAGE_KEY);
    return stored === "light" || stored === "dark" ? stored : null;
  } catch {
    return null;
  }
}
