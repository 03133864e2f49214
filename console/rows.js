// A table that keeps its rows: a row is changed in place while its key stays, so that focus, selection and scroll survive an update.

import { element, setText } from './element.js';

export class Rows {
  /**
   * `columns`: { name, of(row) → text, right, tone(row) → class, node(row) → element made once for the row,
   * long: its whole text is shown when the pointer rests on it }; `key(row)` names a row;
   * `empty` is said when there is none.
   */
  constructor(columns, key, empty) {
    [this.columns, this.key, this.known] = [columns, key, new Map()];
    this.body = element('tbody');
    const heads = columns.map((column) => element('th', { class: column.right ? 'right' : null, scope: 'col' }, column.name));
    this.table = element('table', {}, element('thead', {}, element('tr', {}, ...heads)), this.body);
    this.empty = element('p', { class: 'empty' }, empty);
    this.node = element('div', {}, this.table, this.empty);
    this.update([]);
  }

  update(rows) {
    const seen = new Set();
    let before = this.body.firstElementChild;
    for (const row of rows) {
      const key = this.key(row);
      seen.add(key);
      let line = this.known.get(key);
      if (!line) {
        line = this.make(row);
        this.known.set(key, line);
      }
      if (line !== before) this.body.insertBefore(line, before);
      else before = before.nextElementSibling;
      this.columns.forEach((column, i) => {
        const cell = line.children[i];
        if (column.of) setText(cell, column.of(row));
        if (column.long) cell.title = column.of(row);
        if (column.tone) cell.className = `${column.right ? 'right ' : ''}${column.tone(row)}`;
      });
    }
    for (const [key, line] of this.known) {
      if (seen.has(key)) continue;
      line.remove();
      this.known.delete(key);
    }
    this.table.hidden = rows.length === 0;
    this.empty.hidden = rows.length > 0;
  }

  make(row) {
    const cells = this.columns.map((column) => {
      const cell = element('td', { class: column.right ? 'right' : null });
      if (column.node) cell.append(column.node(row));
      return cell;
    });
    return element('tr', {}, ...cells);
  }
}
