// The filter's line: completion by keyboard, and what is wrong with it next to it.

import { h, put } from "./dom.js";

/** @param {SearchOptions} options */
export function searchLine({ label, placeholder, change, complete }) {
  const problem = h("span.problem", { role: "alert" });
  const menu = h("ul.completion", { role: "listbox", id: "completion", "aria-label": "Completions", hidden: true });
  const aria = { "aria-label": label, "aria-autocomplete": "list", "aria-controls": "completion" };
  const input = h("input.search", { type: "search", placeholder, autocomplete: "off", spellcheck: "false", "data-key": "/", ...aria });
  let completion = /** @type {Completion} */ ({ from: 0, options: [] });
  let chosen = -1;
  const caret = () => input.selectionStart ?? 0;
  function choose(/** @type {number} */ at) {
    chosen = at;
    [...menu.children].forEach((option, n) => void option.setAttribute("aria-selected", String(n === at)));
    menu.children[at]?.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", at < 0 ? "" : `completion-${at}`);
  }
  function close() {
    menu.hidden = true;
    choose(-1);
  }

  function offer() {
    completion = complete(input.value.slice(0, caret()));
    const option = (/** @type {typeof completion.options[0]} */ { label: words, hint }, /** @type {number} */ at) =>
      h("li", { role: "option", id: `completion-${at}`, onpointerdown: (/** @type {Event} */ event) => {
        event.preventDefault();
        accept(at);
      } }, words, hint && h("small", hint));
    menu.replaceChildren(...completion.options.map(option));
    choose(-1);
    menu.hidden = !completion.options.length;
  }

  function accept(/** @type {number} */ at) {
    const { insert } = completion.options[at];
    input.setRangeText(insert, completion.from, caret(), "end");
    input.focus();
    apply();
    if (insert.endsWith(":")) offer();
    else close();
  }
  function apply() {
    put(problem, change(input.value));
    input.setAttribute("aria-invalid", String(problem.textContent !== ""));
  }
  function set(/** @type {string} */ text) {
    input.value = text;
    apply();
    close();
  }

  input.addEventListener("input", () => {
    apply();
    offer();
  });
  input.addEventListener("click", offer);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    const many = menu.hidden ? 0 : completion.options.length;
    if (event.key === "Escape" && many) close();
    else if (event.key === "Escape" && input.value) set("");
    else if (many && event.key === "ArrowDown") choose((chosen + 1) % many);
    else if (many && event.key === "ArrowUp") choose((Math.max(chosen, 0) + many - 1) % many);
    else if (many && (event.key === "Tab" || (event.key === "Enter" && chosen >= 0))) accept(Math.max(0, chosen));
    else if (event.key === "Enter") close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  return { el: h("div.search-box", input, menu, problem), input, set };
}
