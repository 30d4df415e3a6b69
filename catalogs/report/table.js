// A table that is sorted by the buttons in its head and shown a page at a time.

import { element } from "./dom.js";

/** Rows on a page. */
const PAGE_ROWS = 25;

const COLLATOR = new Intl.Collator("en", { numeric: true });

/** Missing values come last in either order. */
function compare(a, b, descending) {
  const missing = (value) => value === null || value === undefined;
  if (missing(a) || missing(b)) return Number(missing(a)) - Number(missing(b));
  const order = typeof a === "number" ? a - b : COLLATOR.compare(a, b);
  return descending ? -order : order;
}

/**
 * Columns: {title, get(row), number, digits}; a row is anything. `name` is the accessible name.
 * The first click on a column of numbers sorts it from the largest, on one of words from the first.
 */
export class SortableTable {
  #columns;
  #rows = [];
  #sorted = null;
  #descending = false;
  #page = 0;
  #heads;
  #body = element("tbody");
  #count = element("span", { className: "time", "aria-live": "polite" });
  #previous = element("button", { type: "button", textContent: "Previous", onclick: () => this.#turn(-1) });
  #next = element("button", { type: "button", textContent: "Next", onclick: () => this.#turn(1) });

  constructor(name, columns) {
    this.#columns = columns;
    this.#heads = columns.map((column) => element(
      "th", { scope: "col", className: column.number ? "number" : "" },
      element("button", { type: "button", className: "sort", textContent: column.title, onclick: () => this.#sort(column) }),
    ));
    this.#previous.setAttribute("aria-label", `Previous page of ${name}`);
    this.#next.setAttribute("aria-label", `Next page of ${name}`);
    this.pager = element("div", { className: "row pager" }, this.#previous, this.#next, this.#count);
    this.element = element("div", { className: "stack" },
      element("div", { className: "scroll wide", tabIndex: 0, role: "region", "aria-label": name },
        element("table", {}, element("thead", {}, element("tr", {}, this.#heads)), this.#body)),
      this.pager);
  }

  /** Replace the rows; the order stays. */
  show(rows) {
    this.#rows = [...rows];
    this.#page = 0;
    this.#order();
  }

  #sort(column) {
    this.#descending = this.#sorted === column ? !this.#descending : Boolean(column.number);
    this.#sorted = column;
    this.#page = 0;
    this.#order();
  }

  #order() {
    const column = this.#sorted;
    if (column) {
      const keyed = this.#rows.map((row, place) => ({ row, place, key: column.get(row) }));
      keyed.sort((a, b) => compare(a.key, b.key, this.#descending) || a.place - b.place);
      this.#rows = keyed.map(({ row }) => row);
    }
    this.#columns.forEach((each, place) => {
      const direction = each !== column ? null : this.#descending ? "descending" : "ascending";
      if (direction) this.#heads[place].setAttribute("aria-sort", direction);
      else this.#heads[place].removeAttribute("aria-sort");
    });
    this.#draw();
  }

  #turn(step) {
    this.#page += step;
    this.#draw();
  }

  #draw() {
    const total = this.#rows.length;
    const first = this.#page * PAGE_ROWS;
    const shown = this.#rows.slice(first, first + PAGE_ROWS);
    this.#body.replaceChildren(...(total ? shown.map((row) => this.#line(row)) : [this.#nothing()]));
    this.#previous.disabled = first === 0;
    this.#next.disabled = first + PAGE_ROWS >= total;
    this.pager.hidden = total <= PAGE_ROWS;
    this.#count.textContent = `${total ? first + 1 : 0} to ${first + shown.length} of ${total.toLocaleString("en")}`;
  }

  #nothing() {
    return element("tr", {}, element("td", { colSpan: this.#columns.length, className: "hint", textContent: "None." }));
  }

  #line(row) {
    return element("tr", {}, this.#columns.map(({ get, number, digits }) => {
      const value = get(row);
      const text = value === null || value === undefined ? "–"
        : typeof value === "number" && digits !== undefined ? value.toFixed(digits).replace("-", "−") : String(value);
      return element("td", { className: number ? "number" : "", textContent: text });
    }));
  }
}
